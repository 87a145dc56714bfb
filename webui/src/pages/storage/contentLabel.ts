import { tOptional } from "../../i18n";

/** A content kind in words; the server's word where the catalogue has none. */
export function contentLabel(content: string): string {
  return tOptional(`content.${content}`) ?? content;
}

export function contentLabels(content: readonly string[]): string {
  return content.map(contentLabel).sort().join(", ");
}
