import qrcode from "qrcode-generator";

/** Empty modules around the code, as scanners expect (ISO/IEC 18004). */
const QUIET = 4;

/** A QR code, drawn here. Nothing scratches a screen, so little of it is spent on repair and its dots stay large. Black
 * on white in every theme: many scanners take nothing else. */
export function QrCode({ text, label }: { text: string; label: string }) {
  const code = qrcode(0, "L"); // 0: as large as the text needs
  code.addData(text);
  code.make();
  const dots = [...Array(code.getModuleCount()).keys()];
  const path = dots.flatMap((y) => dots.filter((x) => code.isDark(y, x)).map((x) => `M${x} ${y}h1v1h-1z`)).join("");
  const size = dots.length + 2 * QUIET;
  return (
    <svg
      className="hf-qr"
      role="img"
      aria-label={label}
      viewBox={`${-QUIET} ${-QUIET} ${size} ${size}`}
      shapeRendering="crispEdges"
    >
      <rect x={-QUIET} y={-QUIET} width={size} height={size} fill="#fff" />
      <path d={path} fill="#000" />
    </svg>
  );
}
