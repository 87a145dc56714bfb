import { Store } from "./store";

export type Theme = "light" | "dark" | "system";
export const THEMES: readonly Theme[] = ["light", "dark", "system"];

const STORAGE_KEY = "holdfast.theme";
const DARK_CLASS = "pf-v6-theme-dark";

/** The chosen theme, kept per browser; `system` follows the desktop as it changes. */
export class ThemeChoice extends Store<Theme> {
  /** What it comes to, for what does not follow styles. */
  readonly dark = new Store(false);
  private readonly systemDark = window.matchMedia("(prefers-color-scheme: dark)");

  constructor() {
    const stored = localStorage.getItem(STORAGE_KEY);
    super(THEMES.find((theme) => theme === stored) ?? "system");
    this.systemDark.addEventListener("change", () => this.apply());
    this.apply();
  }

  override set(theme: Theme): void {
    localStorage.setItem(STORAGE_KEY, theme);
    super.set(theme);
    this.apply();
  }

  private apply(): void {
    const theme = this.get();
    const dark = theme === "dark" || (theme === "system" && this.systemDark.matches);
    document.documentElement.classList.toggle(DARK_CLASS, dark);
    document.documentElement.style.colorScheme = dark ? "dark" : "light";
    this.dark.set(dark);
  }
}
