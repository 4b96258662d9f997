"""Plots as SVG, with nothing but text."""

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 360, 70, 20, 30, 50
COLOURS = ("#0b6e99", "#c0392b", "#7f8c8d")


def chart(title, across, up, series):
    """A plot of `series`, by name: points (x, y). Both axes begin at 0."""
    widest = max(x for points in series.values() for x, _ in points)
    highest = max(y for points in series.values() for _, y in points)
    place = lambda x, y: (
        LEFT + (WIDTH - LEFT - RIGHT) * x / widest,
        HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * y / highest,
    )
    text = lambda x, y, words, more="": f'<text x="{x:.0f}" y="{y:.0f}" {more}>{words}</text>'
    middle, end = 'text-anchor="middle"', 'text-anchor="end"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
        ' font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        text(WIDTH / 2, 18, title, f'{middle} font-size="14"'),
        text(WIDTH / 2, HEIGHT - 10, across, middle),
        text(16, HEIGHT / 2, up, f'{middle} transform="rotate(-90 16 {HEIGHT / 2:.0f})"'),
    ]
    for at in range(5):
        x, y = place(widest * at / 4, highest * at / 4)
        parts.append(
            f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}M{x:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#ddd"/>'
        )
        parts.append(text(LEFT - 6, y + 4, f"{highest * at / 4:.3g}", end))
        parts.append(text(x, HEIGHT - BOTTOM + 16, f"{widest * at / 4:.4g}", middle))
    for number, ((name, points), colour) in enumerate(zip(series.items(), COLOURS)):
        line = " ".join("{:.1f},{:.1f}".format(*place(*point)) for point in points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [
            '<circle cx="{:.1f}" cy="{:.1f}" r="3" fill="{}"/>'.format(*place(*point), colour)
            for point in points
        ]
        parts.append(text(LEFT + 10, TOP + 16 + 16 * number, name, f'fill="{colour}"'))
    return "\n".join([*parts, "</svg>", ""])
