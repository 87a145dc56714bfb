/** root@pam's word is enough for the server; everybody else confirms changes of the own account by password. */
export const asksOwnPassword = (user: string): boolean => user !== "root@pam";

/** Where this server keeps passwords itself and can change them. */
export const canChangePassword = (user: string): boolean => /@(pam|pve)$/.test(user);

export const isHostAccount = (user: string): boolean => user.endsWith("@pam");
