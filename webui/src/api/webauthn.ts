/**
 * Security keys and passkeys: the browser's WebAuthn calls, with the server's JSON on both sides. Byte fields travel as
 * base64url without padding (W3C Web Authentication, section 5.1: the JSON forms of options and answers).
 */

interface Descriptor {
  id: string;
  type: string;
  transports?: string[];
}

/** PublicKeyCredentialRequestOptionsJSON, as far as it is used. */
export interface KeyRequest {
  challenge: string;
  allowCredentials?: Descriptor[];
}

/** PublicKeyCredentialCreationOptionsJSON, as far as it is used. */
export interface KeyCreation {
  challenge: string;
  user: { id: string; name: string; displayName: string };
  excludeCredentials?: Descriptor[];
}

export function bytesOf(base64url: string): Uint8Array<ArrayBuffer> {
  const text = atob(base64url.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

export function base64url(bytes: ArrayBuffer): string {
  const text = String.fromCharCode(...new Uint8Array(bytes));
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** Browsers offer keys on https pages only, and some not at all. */
export const keysPossible = (): boolean => typeof PublicKeyCredential === "function" && "credentials" in navigator;

const descriptors = (list: readonly Descriptor[] = []) =>
  list.map((one) => ({ ...one, id: bytesOf(one.id) }) as PublicKeyCredentialDescriptor);

function told(credential: PublicKeyCredential, response: Record<string, string>): string {
  const { id, type } = credential;
  return JSON.stringify({ id, rawId: base64url(credential.rawId), type, response, clientExtensionResults: {} });
}

/** Ask a registered key; its signed answer as JSON. Rejects with a DOMException where the person or the key refuses. */
export async function askKey(request: KeyRequest): Promise<string> {
  const publicKey = {
    ...request,
    challenge: bytesOf(request.challenge),
    allowCredentials: descriptors(request.allowCredentials),
  } as PublicKeyCredentialRequestOptions;
  const credential = (await navigator.credentials.get({ publicKey })) as PublicKeyCredential;
  const { clientDataJSON, authenticatorData, signature, userHandle } =
    credential.response as AuthenticatorAssertionResponse;
  return told(credential, {
    clientDataJSON: base64url(clientDataJSON),
    authenticatorData: base64url(authenticatorData),
    signature: base64url(signature),
    ...(userHandle && { userHandle: base64url(userHandle) }),
  });
}

/** Make a key pair on a security key; its public half, as JSON. Rejects as `askKey`. */
export async function makeKey(creation: KeyCreation): Promise<string> {
  const publicKey = {
    ...creation,
    challenge: bytesOf(creation.challenge),
    user: { ...creation.user, id: bytesOf(creation.user.id) },
    excludeCredentials: descriptors(creation.excludeCredentials),
  } as unknown as PublicKeyCredentialCreationOptions;
  const credential = (await navigator.credentials.create({ publicKey })) as PublicKeyCredential;
  const { clientDataJSON, attestationObject } = credential.response as AuthenticatorAttestationResponse;
  return told(credential, {
    clientDataJSON: base64url(clientDataJSON),
    attestationObject: base64url(attestationObject),
  });
}
