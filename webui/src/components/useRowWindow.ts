import { defaultRangeExtractor, measureElement, type Range, useVirtualizer } from "@tanstack/react-virtual";
import { type RefObject, useLayoutEffect, useState } from "react";

/** Lists up to this length are drawn as a whole: searching in the page finds all of them. */
const WHOLE = 150;

interface Options {
  count: number;
  /** Height of a row; where rows differ, about. */
  rowPx: number;
  /** What the rows are in. */
  box: RefObject<HTMLElement | null>;
  /** A row that is drawn wherever it is (it has the focus); null: none. */
  keep?: number | null;
}

export interface RowWindow {
  /** Whether the list is too long to be drawn as a whole. */
  isPart: boolean;
  /** The rows to draw, rising. */
  indexes: readonly number[];
  /** What the rows take that are not drawn. */
  beforePx: number;
  afterPx: number;
  /** As `ref` of rows whose heights differ, with `data-index`. */
  measure: ((row: Element | null) => void) | undefined;
  scrollTo: (index: number) => void;
}

/** Which rows of a long list are near what can be seen. It scrolls with whatever around it scrolls. */
export function useRowWindow({ count, rowPx, box, keep = null }: Options): RowWindow {
  const isPart = count > WHOLE;
  const [scroller, setScroller] = useState<HTMLElement | null>(null);
  const [abovePx, setAbovePx] = useState(0);
  const rows = useVirtualizer<HTMLElement, Element>({
    count,
    enabled: isPart,
    getScrollElement: () => scroller,
    estimateSize: () => rowPx,
    scrollMargin: abovePx,
    overscan: 8,
    measureElement: heightTold,
    rangeExtractor: (range) => withKept(range, keep),
  });
  const isScrolling = rows.isScrolling;
  useLayoutEffect(() => {
    if (!isPart || isScrolling || !box.current) return; // measuring while it scrolls would cost frames
    const found = scroller ?? scrollerOf(box.current);
    setScroller(found);
    setAbovePx(Math.round(topWithin(box.current, found))); // what stands above may have grown
  });
  if (!isPart) {
    const indexes = Array.from({ length: count }, (_, i) => i);
    return { isPart, indexes, beforePx: 0, afterPx: 0, measure: undefined, scrollTo: () => undefined };
  }
  const items = rows.getVirtualItems();
  const [first, last] = [items[0], items.at(-1)];
  return {
    isPart,
    indexes: items.map(({ index }) => index),
    beforePx: first ? first.start - abovePx : 0,
    afterPx: last ? rows.getTotalSize() - (last.end - abovePx) : count * rowPx,
    measure: rows.measureElement,
    scrollTo: (index) => rows.scrollToIndex(index, { align: "auto" }),
  };
}

/** The height of a row as the browser tells it after it has laid out the page; asking before costs the frame a second layout. */
const heightTold: typeof measureElement = (row, told, rows) =>
  told ? measureElement(row, told, rows) : (rows.measurementsCache[rows.indexFromElement(row)]?.size ?? 0);

function withKept(range: Range, keep: number | null): number[] {
  const near = defaultRangeExtractor(range);
  return keep === null || near.includes(keep) ? near : [...near, keep].sort((a, b) => a - b);
}

function scrollerOf(element: HTMLElement): HTMLElement {
  for (let above = element.parentElement; above; above = above.parentElement) {
    if (/auto|scroll/.test(getComputedStyle(above).overflowY)) return above;
  }
  return document.documentElement;
}

function topWithin(element: HTMLElement, scroller: HTMLElement): number {
  return element.getBoundingClientRect().top - scroller.getBoundingClientRect().top + scroller.scrollTop;
}
