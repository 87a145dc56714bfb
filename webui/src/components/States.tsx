/** What a view shows instead of its content: still loading, nothing there, failed. */
import {
  Button,
  EmptyState,
  EmptyStateActions,
  EmptyStateBody,
  EmptyStateFooter,
  Spinner,
} from "@patternfly/react-core";
import ExclamationCircleIcon from "@patternfly/react-icons/dist/esm/icons/exclamation-circle-icon";
import type { ComponentType, ReactNode } from "react";
import { t } from "../i18n";

export function Loading({ text = t("loading") }: { text?: string }) {
  return <EmptyState variant="sm" titleText={text} headingLevel="h2" icon={Spinner} />;
}

interface EmptyProps {
  title: string;
  text?: string;
  icon?: ComponentType;
  /** It is the page's own title. */
  isPage?: boolean;
  /** Buttons. */
  children?: ReactNode;
}

export function Empty({ title, text, icon, isPage = false, children }: EmptyProps) {
  const level = isPage ? "h1" : "h2";
  return (
    <EmptyState variant="sm" titleText={title} headingLevel={level} {...(icon && { icon })}>
      {text && <EmptyStateBody>{text}</EmptyStateBody>}
      {children && (
        <EmptyStateFooter>
          <EmptyStateActions>{children}</EmptyStateActions>
        </EmptyStateFooter>
      )}
    </EmptyState>
  );
}

interface FailedProps {
  text: string;
  /** It stands for the whole page. */
  isPage?: boolean;
  onRetry?: () => void;
}

export function Failed({ text, isPage = false, onRetry }: FailedProps) {
  const level = isPage ? "h1" : "h2";
  return (
    <EmptyState variant="sm" status="danger" icon={ExclamationCircleIcon} titleText={t("failed")} headingLevel={level}>
      <EmptyStateBody>{text}</EmptyStateBody>
      {onRetry && (
        <EmptyStateFooter>
          <EmptyStateActions>
            <Button variant="link" onClick={onRetry}>
              {t("retry")}
            </Button>
          </EmptyStateActions>
        </EmptyStateFooter>
      )}
    </EmptyState>
  );
}
