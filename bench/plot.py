"""The plot of the report: two groups of bars, in SVG.

The colours are readable on white and on black, as GitHub shows it on either.
"""
from xml.sax.saxutils import escape

WIDTH, LABEL_X, BAR_X, BAR_WIDTH = 760, 168, 180, 460
ROW, BAR_HEIGHT, TITLE, GAP = 26, 16, 34, 18
TEXT, OURS, OTHERS = "#7d8590", "#2f81f7", "#9aa4af"
FONT = "font-family='system-ui, sans-serif' font-size='13'"


def _text(x, y, text, more=""):
    return f"<text x='{x}' y='{y}' fill='{TEXT}' {FONT} {more}>{escape(text)}</text>"


def _group(top, title, rows):
    """The elements of one group, of (name, value, whether it is ours), and where it ends."""
    elements = [_text(8, top + 18, title, "font-weight='bold'")]
    most = max(value for _, value, _ in rows)
    y = top + TITLE
    for name, value, ours in rows:
        length = max(1, round(BAR_WIDTH * value / most))
        figure = f"{value:,.0f}" if value >= 100 else f"{value:.1f}"
        elements += [
            _text(LABEL_X, y + 13, name, "text-anchor='end'"),
            f"<rect x='{BAR_X}' y='{y}' width='{length}' height='{BAR_HEIGHT}' rx='2' "
            f"fill='{OURS if ours else OTHERS}'/>",
            _text(BAR_X + length + 8, y + 13, figure)]
        y += ROW
    return elements, y + GAP


def draw(groups):
    """The SVG of groups of (title, rows)."""
    elements, top = [], 8
    for title, rows in groups:
        drawn, top = _group(top, title, rows)
        elements += drawn
    title = escape("; ".join(title for title, _ in groups))
    return "\n".join([f"<svg xmlns='http://www.w3.org/2000/svg' width='{WIDTH}' height='{top}' "
                      f"viewBox='0 0 {WIDTH} {top}' role='img'>", f"<title>{title}</title>",
                      *elements, "</svg>", ""])
