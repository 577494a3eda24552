"""From records and evidence to what is read: plain data first, then the HTML file, charts and tables.

- `rectifiers.report.summary.summarize`: every fact of a study as plain data, with the verdict.
- `rectifiers.report.html.write`: the one HTML file.
- `rectifiers.report.files.export`: every chart as SVG and PNG.
- `rectifiers.report.functions.show`: functions and derivatives, with sliders for their parameters.

Nothing in this room imports torch; drawing libraries are imported when something is drawn.
"""
