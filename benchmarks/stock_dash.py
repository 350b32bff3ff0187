"""The page that ours is compared with: Dash as its tutorial writes it, one plotly gauge of a value from the database.

`python stock_dash.py PORT` in an empty folder, with the database's URL in BASELINE_DATABASE_URL.
"""

import os
import sys

import plotly.graph_objects as go
from dash import Dash, Input, Output, callback, dcc, html
from sqlalchemy import create_engine, text

engine = create_engine(os.environ["BASELINE_DATABASE_URL"])
app = Dash("stock_dash")
app.layout = html.Div(
    [html.H1("Dashboard"), dcc.Graph(id="gauge"), dcc.Interval(id="interval", interval=2_000)],
)


@callback(Output("gauge", "figure"), Input("interval", "n_intervals"))
def update_gauge(_n):
    with engine.connect() as connection:
        value = connection.execute(text("select value from sensor_state where value is not null limit 1")).scalar_one()
    return go.Figure(
        go.Indicator(
            mode="gauge+number",
            value=value,
            title={"text": "Temperature"},
            gauge={"axis": {"range": [0, 100]}, "steps": [{"range": [0, 60], "color": "lightgray"}, {"range": [60, 100], "color": "gray"}]},
        )
    )


if __name__ == "__main__":
    app.run(host="127.0.0.1", port=int(sys.argv[1]), debug=False)
