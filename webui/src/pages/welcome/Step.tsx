import { Button, Card, CardBody, CardTitle } from "@patternfly/react-core";
import type { ReactNode } from "react";
import { useHref } from "react-router";
import { t } from "../../i18n";

interface Props {
  title: string;
  text: string;
  /** What there is. */
  children: ReactNode;
}

/** One thing that a new host wants looked at. */
export function Step({ title, text, children }: Props) {
  return (
    <Card isFullHeight>
      <CardTitle component="h2">{title}</CardTitle>
      <CardBody>
        <div className="hf-stack hf-step">
          <p className="hf-subtle">{text}</p>
          {children}
        </div>
      </CardBody>
    </Card>
  );
}

interface NextProps {
  text: ReactNode;
  /** Where it is done. */
  links: readonly { label: string; to: string }[];
}

/** What is usually done about it, and the way there. */
export function Next({ text, links }: NextProps) {
  return (
    <div className="hf-stack hf-next">
      <div>
        <h3 className="hf-option">{t("welcome.next")}</h3>
        <p>{text}</p>
      </div>
      {links.length > 0 && (
        <div className="hf-buttons">
          {links.map((link) => (
            <LinkButton key={link.to} {...link} />
          ))}
        </div>
      )}
    </div>
  );
}

function LinkButton({ label, to }: { label: string; to: string }) {
  return (
    <Button variant="secondary" size="sm" component="a" href={useHref(to)}>
      {label}
    </Button>
  );
}
