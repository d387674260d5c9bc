# ruff: noqa: E501 sources stand in one line
"""Cells of a data analysis in many styles; each can be run after `SETUP`, in any order."""

SETUP = """
%matplotlib inline
import json, logging, math, sys, warnings
import matplotlib.pyplot as plt, numpy as np, pandas as pd, xarray as xr
import sympy as sp
import plotly.graph_objects as go
import altair as alt
from IPython.display import HTML, JSON, Latex, Markdown, Image, SVG, display
from scipy import optimize, stats
warnings.simplefilter("ignore")
rng = np.random.RandomState(42)
energy = np.linspace(7100.0, 7180.0, 161)
mu = 1 / (1 + np.exp(-(energy - 7123.4) / 1.7)) + 0.12 * np.exp(-(((energy - 7131) / 3) ** 2))
mu = mu + 0.004 * rng.standard_normal(energy.size)
q = np.linspace(0.05, 4.0, 80)
intensity = 1e4 * q ** -1.8 + 30
yy, xx = np.mgrid[:128, :128]
detector = 40 * np.exp(-(((np.hypot(yy - 60.5, xx - 66.0) - 30) / 6) ** 2)) + 2
detector = rng.poisson(detector).astype(float)
shots = pd.DataFrame({
    "train": 1_512_340_000 + np.arange(12), "pulse": np.arange(12) % 4,
    "i0": (1.25 + 0.1 * rng.standard_normal(12)).round(6), "sample": list("ABC") * 4,
    "laser": [True, False] * 6,
    "time": pd.date_range("2025-11-03 14:00:00", periods=12, freq="100ms"),
})
"""

CELLS = {
    # numpy and plain Python
    "scalar": "mu.max() - mu.min()",
    "count": "int((detector > 45).sum())",
    "tuple": "(round(float(energy[np.gradient(mu).argmax()]), 2), len(energy), 'Fe K')",
    "vector": "np.round(intensity[:8], 3)",
    "matrix": "np.array([[2.0, -0.5, 0.0], [-0.5, 3.0, 1.25], [0.0, 1.25, 4.5]])",
    "complex": "np.exp(1j * np.array([0.0, 0.5, 1.0]))",
    "large": "np.cumsum(detector, axis=1)",
    "mask": "detector[60:63, 40:52] > 12",
    "masked": "np.ma.masked_less(intensity[:6], 40000)",
    "nested": "{'fit': {'e0': 7123.4, 'width': 1.7}, 'ok': True, 'runs': [12, 13, 17], 'bad': None}",
    "structured": "np.array([(1, 2.5, 'a'), (2, 3.5, 'b')],"
    " dtype=[('n', int), ('v', float), ('s', 'U1')])",
    "moment": "np.datetime64('2025-11-03T14:00:00') + np.timedelta64(90, 's')",
    "string": "'Fe K edge, 7 samples, T = 12 K'",
    "bigint": "1_512_340_000 + 12",
    # printed
    "report": "print(f'E0 = {7123.42:.2f} eV, step {0.9871:.4f} +- {0.0023:.4f}')\n"
    "print('R factor: %.3e after %d iterations' % (0.00123, 37))\nprint('converged:', True)",
    "aligned": "for name, value, unit in [('a', 5.4310, 'Å'), ('c', 13.01, 'Å'), ('V', 163.2, 'Å³')]:\n"
    "    print(f'{name:>4s} | {value:10.4f} | {unit}')",
    "parameters": "popt, pcov = optimize.curve_fit(lambda x, a, b: a * x + b, q[:20], 3.0 * q[:20] - 1)\n"
    "print(np.round(popt, 4)); print('chi2/dof = 1.07')",
    "summary": "print(pd.Series(intensity).describe())",
    "percent": "print(f'{0.8731:.1%} of 1,204 shots kept; yield 42 %; ratio 3/7')",
    "progress": "from tqdm import tqdm\ntotal = sum(i * i for i in tqdm(range(30), file=sys.stdout))\n"
    "print('sum of squares', total)",
    "log": "log = logging.getLogger('fit'); log.handlers[:] = [logging.StreamHandler(sys.stdout)]\n"
    "log.setLevel(20); log.info('chi2 = %.3f', 1.284); log.info('3 outliers removed')",
    # tables
    "table": "shots",
    "grouped": "shots.groupby('sample').i0.agg(['mean', 'std', 'count'])",
    "pivot": "shots.pivot_table(index='pulse', columns='sample', values='i0')",
    "column": "shots.set_index('train').i0.head(4)",
    "category": "pd.Series(pd.Categorical(['low', 'high', 'low'], ['low', 'high'], ordered=True))",
    "zoned": "pd.DataFrame({'t': pd.date_range('2025-11-03 14:00', periods=3, freq='h', tz='UTC')})",
    "missing": "pd.DataFrame({'a': [1.0, np.nan, 3.0], 'b': ['x', None, 'z']})",
    "multi": "pd.DataFrame(np.arange(12.0).reshape(4, 3),"
    " pd.MultiIndex.from_product([['r1', 'r2'], ['on', 'off']]), ['x', 'y', 'z'])",
    "tall": "pd.DataFrame({'q': np.linspace(0, 1, 5000), 'I': np.sin(np.arange(5000.0))})",
    "styled": "shots[['i0', 'sample']].head(3).style.format({'i0': '{:.3f}'}).set_caption('shots')",
    "markdown-table": "Markdown('| run | E0 |\\n|---|---|\\n| 12 | 7123.4 |\\n| 13 | 7123.9 |')",
    "html-table": "HTML('<table><tr><th>run</th><th>dose / Gy</th></tr>'\n"
    "'<tr><td>12</td><td>0.351</td></tr><tr><td>13</td><td>0.702</td></tr></table>')",
    "dataset": "xr.Dataset({'mu': ('energy', mu, {'units': '1/cm'})}, {'energy': energy},"
    " {'sample': 'Fe foil'})",
    "labelled": "xr.DataArray(detector[:4, :5], dims=('y', 'x'), name='counts')",
    # formulas and rich text
    "formula": "x_ = sp.Symbol('x'); sp.integrate(x_ ** 2 * sp.sin(3 * x_), x_)",
    "equation": "sp.Eq(sp.Symbol('E'), sp.Rational(3, 7) * sp.Symbol('k') ** 2)",
    "sentence": "Markdown('The edge lies at **7123.4 eV**, *2.1 eV* above the foil.')",
    "tex": "Latex(r'$\\\\sigma = 1.7\\\\,\\\\mathrm{eV}$')",
    "json": "JSON({'e0': 7123.4, 'shells': [{'n': 6, 'r': 2.48}, {'n': 8, 'r': 2.87}]})",
    "page": "HTML('<h3>Run 12</h3><p>Mean dose <b>0.351 Gy</b> over 40 pulses</p>')",
    # Matplotlib
    "spectrum": "fig, ax = plt.subplots()\nax.plot(energy, mu, label='Fe foil')\n"
    "ax.axvline(7123.4, ls='--')\nax.set(xlabel='energy / eV', ylabel='mu', title='Fe K')\nax.legend()",
    "two": "fig, ax = plt.subplots()\nax.plot(energy, mu, label='data')\n"
    "ax.plot(energy, 0.95 * mu, label='model'); ax.legend()",
    "loglog": "fig, ax = plt.subplots(); ax.loglog(q, intensity, 'o', ms=3)\nax.set_xlabel('q / nm-1')",
    "errors": "fig, ax = plt.subplots()\nax.errorbar(q[::8], intensity[::8], 0.1 * intensity[::8])",
    "asymmetric": "plt.errorbar([1, 2, 3], [4.0, 5.0, 4.5], yerr=[[0.2] * 3, [0.4] * 3], fmt='s');",
    "detector": "fig, ax = plt.subplots(); im = ax.imshow(detector, cmap='magma', vmax=60)\n"
    "fig.colorbar(im, label='photons')",
    "lognorm": "from matplotlib.colors import LogNorm\n"
    "plt.imshow(detector + 1, norm=LogNorm(1, 100)); plt.colorbar();",
    "mesh": "plt.pcolormesh(np.arange(33), np.arange(33), detector[:32, :32]); plt.colorbar();",
    "rgb": "plt.imshow(np.stack([detector / 80, detector / 90, detector / 100], -1).clip(0, 1));",
    "histogram": "fig, ax = plt.subplots(); ax.hist(detector.ravel(), bins=40, range=(0, 80))",
    "hist2d": "plt.hist2d(xx.ravel(), detector.ravel(), bins=(16, 20));",
    "contour": "cs = plt.contour(detector[::4, ::4], levels=[10, 25, 40]); plt.clabel(cs);",
    "polar": "ax = plt.figure().add_subplot(projection='polar')\n"
    "ax.plot(np.linspace(0, 6.2, 60), 1 + 0.3 * np.cos(np.linspace(0, 12.4, 60)))",
    "space": "ax = plt.figure().add_subplot(projection='3d')\n"
    "ax.scatter(np.arange(10.0), np.arange(10.0) ** 2, np.sqrt(np.arange(10.0)))",
    "surface": "ax = plt.figure().add_subplot(projection='3d')\n"
    "ax.plot_surface(xx[::16, ::16], yy[::16, ::16], detector[::16, ::16], cmap='viridis')",
    "twin": "fig, ax = plt.subplots(); ax.plot(energy, mu); other = ax.twinx()\n"
    "other.plot(energy, np.gradient(mu, energy), 'C1'); other.set_ylabel('derivative')",
    "bars": "fig, ax = plt.subplots(); ax.bar(['A', 'B', 'C'], [3.1, 2.4, 4.0], yerr=[0.2, 0.1, 0.3])",
    "stacked": "plt.stackplot([0, 1, 2, 3], [1, 2, 3, 2], [2, 1, 1, 2], labels=['on', 'off']);"
    " plt.legend();",
    "boxes": "plt.boxplot([mu[:50], mu[50:100], mu[100:]]);",
    "violin": "plt.violinplot([detector[0], detector[60]]);",
    "steps": "plt.step(np.arange(20), np.arange(20) ** 1.5, where='mid');",
    "stem": "plt.stem([1, 2, 3, 4], [0.5, 0.8, 0.2, 0.9]);",
    "band": "plt.plot(energy, mu); plt.fill_between(energy, mu - 0.02, mu + 0.02, alpha=0.3);",
    "scatter": "plt.scatter(shots.pulse, shots.i0, c=shots.train % 100, s=40); plt.colorbar();",
    "text": "plt.plot([0, 1], [1, 0]); plt.text(0.4, 0.6, 'slope -1.00'); plt.axhspan(0.2, 0.3);",
    "panels": "fig, axes = plt.subplots(2, 2)\nfor k, a in enumerate(axes.flat):\n"
    "    a.plot(q, (k + 1) * np.sin(q)); a.set_title(f'phase {k}')",
    "frames": "shots.plot(x='time', y='i0');",
    "arrows": "plt.quiver(xx[::32, ::32], yy[::32, ::32], 1.0 + 0 * xx[::32, ::32], -0.5);",
    "two-figures": "plt.plot(mu); plt.show(); plt.plot(np.gradient(mu)); plt.show()",
    # other ways to draw
    "plotly": "go.Figure([go.Scatter(x=[1, 2, 3], y=[2.5, 3.5, 1.5], name='run 12')],"
    " dict(title='Dose', xaxis_title='pulse'))",
    "plotly-heat": "go.Figure(go.Heatmap(z=detector[:8, :8], colorscale='Viridis'))",
    "altair": "alt.Chart(pd.DataFrame({'q': [0.1, 0.2, 0.4], 'I': [9.0, 4.0, 1.0]}))"
    ".mark_line().encode(x='q', y='I')",
    "drawing": 'SVG(\'<svg xmlns="http://www.w3.org/2000/svg" width="90" height="60">\'\n'
    '\'<rect x="5" y="5" width="40" height="20" fill="#1f77b4"/><text x="9" y="50">12 K</text></svg>\')',
    "several": "display(Markdown('**fit**')); display(7123.42); display(shots.head(2))",
}
