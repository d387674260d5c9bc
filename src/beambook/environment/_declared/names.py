"""Names that one thing has at conda, on PyPI, and in an import."""

from __future__ import annotations

import re

from beambook.environment._package import canonical

__all__ = ["of_conda", "of_import"]

# conda's name: PyPI's, where it is another one
FROM_CONDA = {
    "matplotlib-base": "matplotlib",
    "pytables": "tables",
    "pytorch": "torch",
    "pytorch-cpu": "torch",
    "pytorch-gpu": "torch",
    "tensorflow-base": "tensorflow",
    "dask-core": "dask",
    "opencv": "opencv-python-headless",
    "py-opencv": "opencv-python-headless",
    "msgpack-python": "msgpack",
    "ruamel-yaml": "ruamel.yaml",
    "python-graphviz": "graphviz",
    "python-blosc": "blosc",
    "python-igraph": "igraph",
    "py-xgboost": "xgboost",
    "pyqt": "PyQt5",
    "seaborn-base": "seaborn",
    "numpy-base": "numpy",
    "xarray-base": "xarray",
    "scikit-image-base": "scikit-image",
    "astropy-base": "astropy",
    "pillow-simd": "pillow",
    "pyfai-base": "pyFAI",
    "silx-base": "silx",
    "python-lz4": "lz4",
    "python-zstd": "zstd",
    "snappy-python": "python-snappy",
    "mpl-interactions-base": "mpl-interactions",
    "psycopg2": "psycopg2-binary",
    "rdkit-pypi": "rdkit",
    "flask-base": "flask",
    "spyder-base": "spyder",
    "notebook-base": "notebook",
    "jupyterlab-base": "jupyterlab",
}
# at conda only, or something else on PyPI under the same name
CONDA_ONLY = frozenset(
    """
    blas openblas mkl mkl-service nomkl lapack fftw gsl hdf5 netcdf-c cudatoolkit cudnn nccl
    compilers c-compiler cxx-compiler fortran-compiler gcc gxx gfortran clang make cmake git
    git-lfs curl wget nodejs pandoc texlive-core graphviz ffmpeg imagemagick openssl zlib
    bzip2 xz sqlite readline ncurses tk ca-certificates icu qt qt-main freetype jpeg libpng
    eigen boost boost-cpp gdal geos proj udunits2 openmpi mpich mpi conda mamba conda-build
    root fenics dolfin ambertools openbabel pymol xtb lammps gromacs vtk-base perl julia
    r-base r snappy blosc lz4-c zstd yaml expat fontconfig cairo pango glib unzip tar rsync
    bash coreutils samtools bedtools bwa blast fastqc jdk openjdk maven rust go bazel swig
    pkg-config m4 autoconf mkl-fft mkl-random intel-openmp tbb zeromq pcre pcre2 gstreamer
    dbus vs2015-runtime vc wincertstore ruby sip anaconda menuinst console-shortcut krb5
    c-ares openh264 x264 lame harfbuzz pixman fribidi graphite2 gettext attr alsa-lib nspr
    nss brotli-bin double-conversion giflib jxrlib openjpeg lerc lcms2 charls aom dav1d
    svt-av1 zfp c-blosc2 cfitsio hdf4 kealib poppler postgresql geotiff freexl xerces-c
    arrow-cpp gflags glog grpc-cpp orc re2 thrift-cpp utf8proc parquet-cpp ld-impl-linux-64
    ld-impl-linux-aarch64 binutils sysroot-linux-64 kernel-headers-linux-64 libev p7zip
    jansson tktable
    """.split()
)
CONDA_ONLY_BEGIN = (
    "r-",
    "bioconductor-",
    "lib",
    "gcc-",
    "gxx-",
    "xorg-",
    "cuda-",
    "perl-",
    "_",
    "m2w64-",
    "aws-",
    "xcb-",
    "gst-",
    "mysql-",
)
BEGIN_LIKE_LIBRARIES = {"librosa", "libpysal", "libtmux", "libarchive-c", "libsass", "libcst"}

# an import's name: PyPI's, where it is another one
FROM_IMPORT = {
    "PIL": "pillow",
    "cv2": "opencv-python-headless",
    "sklearn": "scikit-learn",
    "skimage": "scikit-image",
    "yaml": "pyyaml",
    "bs4": "beautifulsoup4",
    "Bio": "biopython",
    "dateutil": "python-dateutil",
    "docx": "python-docx",
    "pptx": "python-pptx",
    "OpenSSL": "pyopenssl",
    "Crypto": "pycryptodome",
    "serial": "pyserial",
    "usb": "pyusb",
    "zmq": "pyzmq",
    "git": "gitpython",
    "dotenv": "python-dotenv",
    "mpl_toolkits": "matplotlib",
    "pylab": "matplotlib",
    "IPython": "ipython",
    "skopt": "scikit-optimize",
    "umap": "umap-learn",
    "community": "python-louvain",
    "osgeo": "gdal",
    "gi": "pygobject",
    "wx": "wxpython",
    "magic": "python-magic",
    "attr": "attrs",
    "pkg_resources": "setuptools",
    "jose": "python-jose",
    "ruamel": "ruamel.yaml",
    "pyFAI": "pyfai",
    "netCDF4": "netcdf4",
    "ROOT": "",  # not on PyPI
}
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")


def of_conda(name: str) -> str:
    """PyPI's name of a package of conda's, empty where there is none.

    Examples
    --------
    >>> of_conda("pytables"), of_conda("numpy"), of_conda("hdf5")
    ('tables', 'numpy', '')
    """
    plain = canonical(name)
    if plain in CONDA_ONLY or name.startswith("_"):
        return ""
    if plain.startswith(CONDA_ONLY_BEGIN) and plain not in BEGIN_LIKE_LIBRARIES:
        return ""
    return FROM_CONDA.get(plain, name) if _NAME.fullmatch(name) else ""


def of_import(name: str) -> str:
    """The distribution that most probably brings a module, empty where there is none.

    Examples
    --------
    >>> of_import("sklearn"), of_import("numpy")
    ('scikit-learn', 'numpy')
    """
    return FROM_IMPORT.get(name, name.replace("_", "-"))
