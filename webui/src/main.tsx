import "@patternfly/react-core/dist/styles/base.css";
import { QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { HashRouter } from "react-router";
import { Root } from "./pages/Root";
import { AppProvider, createApp } from "./state/app";
import "./styles/app.css"; // after the components' own styles, which it adjusts

const app = createApp();
const root = document.getElementById("root");
if (!root) throw new Error("index.html has no #root");
createRoot(root).render(
  <StrictMode>
    <AppProvider value={app}>
      <QueryClientProvider client={app.queryClient}>
        <HashRouter>
          <Root />
        </HashRouter>
      </QueryClientProvider>
    </AppProvider>
  </StrictMode>,
);
