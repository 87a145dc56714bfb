import { Store } from "./store";

export interface Toast {
  id: number;
  variant: "success" | "info" | "warning" | "danger";
  title: string;
  text?: string;
  /** The task whose log explains it. */
  upid?: string;
}

export class Toasts extends Store<readonly Toast[]> {
  private next = 1;

  constructor() {
    super([]);
  }

  add(toast: Omit<Toast, "id">): void {
    const id = this.next++;
    this.update((toasts) => [...toasts, { ...toast, id }]);
  }

  remove(id: number): void {
    this.update((toasts) => toasts.filter((toast) => toast.id !== id));
  }
}
