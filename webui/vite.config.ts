import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// BACKEND=https://host:8006 makes `npm run dev` talk to a real node.
const backend = process.env["BACKEND"] ?? "https://localhost:8006";

export default defineConfig({
  plugins: [react()],
  build: {
    target: ["chrome111", "firefox114", "safari16.4"], // noVNC uses top-level await; ids let CSS stay as it is
    manifest: true, // read by scripts/compress.mjs for the transfer budget
    license: { fileName: "licenses.md" },
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0, // no data: URLs, so the content security policy can stay strict
    reportCompressedSize: false,
    chunkSizeWarningLimit: 700, // scripts/compress.mjs holds the budget
  },
  server: {
    proxy: { "/api2": { target: backend, secure: false, ws: true, changeOrigin: true } },
  },
  test: { include: ["src/**/*.test.ts", "scripts/*.test.mjs"], environment: "node" },
});
