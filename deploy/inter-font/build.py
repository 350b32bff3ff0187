"""Gives inter-latin.woff2 the narrow no-break space (U+202F) that stands between a number and its unit: drawn as the thin space (U+2009).

Without it the browser looks for a system's font that has one, in every size and weight of the page, before it can draw a number.
`python deploy/inter-font/build.py FROM.woff2 TO.woff2`, with fontTools and brotli, which requirements.txt brings; FROM is
@fontsource-variable/inter's `inter-latin-wght-normal.woff2`.
"""

import sys

from fontTools.ttLib import TTFont

THIN, NARROW_NO_BREAK = 0x2009, 0x202F

font = TTFont(sys.argv[1])
for table in font["cmap"].tables:
    if table.isUnicode():
        table.cmap[NARROW_NO_BREAK] = table.cmap[THIN]
font.save(sys.argv[2])
