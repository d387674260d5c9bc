# ruff: noqa: E501 sources stand in one line
"""Cells whose outputs differ each time although nothing came out otherwise."""

SETUP = """
%matplotlib inline
import datetime, functools, getpass, glob, json, logging, os, pathlib, platform, random, socket
import sys, tempfile, threading, time, uuid, warnings
from concurrent.futures import ThreadPoolExecutor
import matplotlib.pyplot as plt, numpy as np, pandas as pd, xarray as xr
from IPython.display import HTML, JSON, Markdown, SVG, display
here = os.getcwd()
open("r0487.h5", "w").close(); open("notes.txt", "w").close(); os.makedirs("out", exist_ok=True)
began = time.time()
class Detector:
    pass
"""

HONEST = {
    # places
    "cwd": "here",
    "cwd-path": "pathlib.Path.cwd()",
    "cwd-print": "print('working in', here)",
    "cwd-in-dict": "{'folder': here, 'n': 3}",
    "file": "print('Reading', os.path.abspath('r0487.h5'), '(3 trains)')",
    "path-object": "pathlib.Path('r0487.h5').resolve()",
    "paths": "sorted(pathlib.Path(here).glob('*.*'))[:2]",
    "uri": "pathlib.Path('r0487.h5').resolve().as_uri()",
    "home": "print(os.path.expanduser('~/data/run.h5'))",
    "home-alone": "print('home is', pathlib.Path.home())",
    "path-table": "pd.DataFrame({'file': [os.path.join(here, f'r{i:04d}.h5') for i in range(3)],"
    " 'n': [10, 20, 30]})",
    "path-index": "pd.DataFrame({'n': [1, 2]}, [os.path.join(here, x) for x in 'ab'])",
    "path-series": "pd.Series({'input': os.path.join(here, 'r0487.h5'), 'trains': 500})",
    "path-printed-table": "print(pd.DataFrame({'file': [os.path.join(here, f'r{i:04d}.h5') for i in"
    " range(3)], 'n': [10, 20, 30]}))",
    "path-printed-series": "print(pd.Series([os.path.join(here, 'a.h5'), 'short']))",
    "path-attribute": "xr.Dataset({'a': ('x', [1.0, 2.0])}, attrs={'source': os.path.abspath('r0487.h5')})",
    "path-array": "np.array([os.path.join(here, 'a.h5'), os.path.join(here, 'b.h5')])",
    "path-title": "plt.plot([1, 2, 4]); plt.title(os.path.abspath('r0487.h5'));",
    "path-label": "plt.plot([1, 2, 4], label=here + '/r0487.h5'); plt.legend(); plt.xlabel(here);",
    "path-suptitle": "fig, ax = plt.subplots(); ax.plot([3, 1]); fig.suptitle(f'from {here}')",
    "path-html": "HTML(f'<p>read <code>{here}/r0487.h5</code>: <b>500</b> trains</p>')",
    "path-link": "HTML(f'<a href=\"file://{here}/out\">3 files</a>')",
    "path-markdown": "Markdown(f'Wrote `{here}/out/fit.json`')",
    "path-json": "JSON({'source': here + '/r0487.h5', 'n': 500})",
    "path-list": "[here + '/r0487.h5', here + '/out']",
    "path-error": "try:\n    open(here + '/missing.h5')\nexcept OSError as e:\n    print('failed:', e)",
    "path-raised": "open(here + '/missing.h5')",
    "path-quoted": "print(f'saved to \"{here}/my results/fit 1.csv\"')",
    "warning": "warnings.simplefilter('always'); warnings.warn('in ' + here); print('done')",
    "log": "logging.basicConfig(stream=sys.stdout, force=True, level=20,"
    " format='%(asctime)s %(process)d %(threadName)s %(message)s')\nlogging.info('500 trains')",
    "temporary": "with tempfile.NamedTemporaryFile(suffix='.csv') as f: print('wrote', f.name)",
    "temporary-folder": "tempfile.mkdtemp(prefix='beam')",
    # times
    "today": "print(datetime.date.today().isoformat(), '- report')",
    "stamp": "f'{datetime.datetime.now():%Y-%m-%d %H:%M:%S}'",
    "stamp-table": "pd.DataFrame({'made': [datetime.datetime.now()], 'n': [500]})",
    "stamp-title": "plt.plot([1, 2]); plt.title(f'{datetime.datetime.now():%d %b %Y, %H:%M}');",
    "elapsed": "time.sleep(random.random() / 20); print(f'{time.time() - began:.2f} seconds for 500 trains')",
    "rate": "dt = time.time() - began; print(f'{500 / dt:.0f} trains/s')",
    "rates": "rates = [500 / (time.time() - began) for _ in range(2)]\n"
    "print('rate: %.1f and %.1f Hz, 500 trains' % tuple(rates))",
    "timer": "class Timer:\n    def __enter__(self):\n        self.t = time.perf_counter(); return self\n"
    "    def __exit__(self, *a):\n        print('[fit] %.3f ms' % (1e3 * (time.perf_counter() - self.t)))\n"
    "with Timer():\n    x = 3",
    "decorated": "def timed(f):\n    @functools.wraps(f)\n    def g(*a):\n        t = time.time(); r = f(*a)\n"
    "        print(f'{f.__name__} took {time.time() - t:.6f} s'); return r\n    return g\n"
    "timed(sum)([1, 2, 3])",
    "timeit": "%timeit -n3 -r2 sorted(range(500))",
    "time-magic": "%%time\nn = sum(range(10_000))\nprint(n)",
    "time-table": "pd.DataFrame({'step': ['load', 'fit'], 'seconds': [time.time() - began, time.time() - began]})",
    # ids, orders, threads
    "object": "Detector()",
    "objects": "[Detector(), Detector().__class__, len]",
    "bound": "print(Detector().__init__)",
    "generator": "(x for x in [1])",
    "lambda": "{'fit': lambda x: x}",
    "thread": "threading.Thread(target=print)",
    "pool": "with ThreadPoolExecutor(4) as p:\n    list(p.map(lambda i: (time.sleep(random.random() / 50), print('done', i)), range(4)))",
    "set": "{'Fe', 'Co', 'Ni', 'Cu', 'Zn'}",
    "set-of-tuples": "print({('Fe', 26), ('Co', 27), ('Ni', 28)})",
    "set-sum": "f'{sum({0.1, 0.2, 0.3, 0.7, 1e-9}):.12f}'",
    "set-frame": "pd.Series(sorted({'Fe', 'Co', 'Ni'}))",
    "set-dict": "{k: len(k) for k in {'Fe', 'Cob', 'Nick', 'Coppe'}}",
    "uuid": "print('job', uuid.uuid4())",
    "short-id": "print('job id:', uuid.uuid4().hex)",
    "hash": "hash('Fe') % 1000",
    "pid": "print(f'worker {os.getpid()} ready')",
    "host": "print(socket.gethostname(), getpass.getuser(), platform.python_version())",
    "cores": "print('using', len(os.sched_getaffinity(0)), 'cores')",
    "listdir": "os.listdir(here)",
    "glob": "glob.glob('*')",
    "random-html": "HTML(f'<div id=\"d{uuid.uuid4().hex}\"><script>var x = {random.random()}</script>12 K</div>')",
    "styler": "pd.DataFrame({'a': [1.5, 2.5]}).style.background_gradient()",
    "parallel-sum": "rng = np.random.default_rng(1); a = rng.random(100_001)\n"
    "k = int(os.environ.get('BB_THREADS', 1)); sum(float(c.sum()) for c in np.array_split(a, k))",
    "parallel-plot": "a = np.random.default_rng(2).random((50, 4001))\n"
    "k = int(os.environ.get('BB_THREADS', 1))\n"
    "plt.plot([sum(float(c.sum()) for c in np.array_split(r, k)) for r in a]);",
    "zero": "k = int(os.environ.get('BB_THREADS', 1)); np.array([1.0, np.sin(np.pi) * k, -1.0])",
    "memory": "print(f'memory usage: {random.randint(80, 99)}.{random.randint(0, 9)} MB')",
    "stderr": "print(time.time(), here, file=sys.stderr)",
    "svg": "from io import StringIO\nfig, ax = plt.subplots(); ax.plot([1, 3, 2]); s = StringIO()\n"
    "fig.savefig(s, format='svg'); plt.close(fig); SVG(s.getvalue())",
    "port": "print(f'Dashboard: http://127.0.0.1:{random.randint(20000, 60000)}/status')",
}
