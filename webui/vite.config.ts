import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

/**
 * Themes of PatternFly that nothing here switches on: half of its variables, and a tenth of all that a browser loads
 * before the first page.
 */
const NOT_OFFERED = /(?<!:not\()\.pf-v6-theme-(?:felt|glass|high-contrast)/;
const dropThemes = {
  postcssPlugin: "themes that are not offered",
  Rule(rule: { selectors: string[]; remove(): unknown }) {
    const kept = rule.selectors.filter((selector) => !NOT_OFFERED.test(selector));
    if (kept.length === 0) rule.remove();
    else if (kept.length < rule.selectors.length) rule.selectors = kept;
  },
};

// BACKEND=https://host:8006 makes `npm run dev` talk to a real node.
const backend = process.env["BACKEND"] ?? "https://localhost:8006";

export default defineConfig({
  plugins: [react()],
  css: { postcss: { plugins: [dropThemes] } },
  build: {
    target: ["chrome111", "firefox114", "safari16.4"], // noVNC uses top-level await; ids let CSS stay as it is
    license: { fileName: "licenses.md" },
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0, // no data: URLs, so the content security policy can stay strict
    reportCompressedSize: false,
    // What the first page needs is one script and one style sheet: a hundred small ones pack worse, and each costs a request.
    rolldownOptions: { output: { codeSplitting: { groups: [{ name: "first", tags: ["$initial"] }] } } },
    chunkSizeWarningLimit: 1000, // scripts/compress.mjs holds the budget
  },
  server: {
    proxy: { "/api2": { target: backend, secure: false, ws: true, changeOrigin: true } },
  },
  test: { include: ["src/**/*.test.ts", "scripts/*.test.mjs"], environment: "node" },
});
