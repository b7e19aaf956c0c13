import { Component, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useLocation } from "wouter";
import { PlainPage } from "./PlainPage";

/** Shows what went wrong in place of a page that cannot be shown: its code does not arrive, or it has a fault. */
export function ErrorBoundary({ children }: { children: ReactNode }) {
  const [location] = useLocation();
  return <Boundary location={location}>{children}</Boundary>;
}

class Boundary extends Component<{ location: string; children: ReactNode }, { hasFailed: boolean }> {
  override state = { hasFailed: false };

  static getDerivedStateFromError() {
    return { hasFailed: true };
  }

  override componentDidUpdate({ location }: { location: string }) {
    if (location !== this.props.location && this.state.hasFailed) this.setState({ hasFailed: false }); // another try
  }

  override render() {
    return this.state.hasFailed ? <Failure /> : this.props.children;
  }
}

function Failure() {
  const { t } = useTranslation();
  return (
    <PlainPage title={t("failed.title")}>
      <p role="alert">{t("failed.explanation")}</p>
      <button type="button" className="primary" onClick={() => location.reload()}>
        {t("failed.reload")}
      </button>
    </PlainPage>
  );
}
