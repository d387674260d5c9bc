"""Pipelines: a recipe for many parts, with what comes before and after; data beside the notebook.

``recipes/agipd-correct.yml``, beside ``agipd-correct.ipynb``::

    before: calibration-prepare   # executed at once; records "parts" and "shared"
    after: agipd-summary          # executed when all parts have ended, however they ended
    over: [modules, sequences]    # optional: the parameters that parts may differ in

What notebooks say to the pipeline, with `beambook.record`:

``parts`` (before)
    List of mappings: the values of each part. ``_name`` is what it is called in the report,
    ``_seconds`` an estimate by which parts are grouped into tasks.
``shared`` (before)
    Mapping of values given to all parts and to ``after``.
``problems`` (any)
    List of texts that belong on the first page of the report although the notebook went on.

What ``before`` is given, as far as its parameters cell declares it: the values of the command,
and ``asked_values``, a mapping of all of them, so that it can refuse those with which no part
could work.

What ``after`` is given, as far as its parameters cell declares it: the values of the command,
the shared ones, and ``parts_folder``, in which ``parts.json`` lists all parts: ``name``,
``values``, ``status`` (done, failed, killed, lost, missing), ``error`` (a line), ``folder`` (of
the execution that counts), ``seconds``, ``attempts``, ``results`` (by name, as recorded).

A Performance is one such piece of work: a folder that says all about it::

    <into>/<recipe>-<date>-<time>-<4 digits>/
      pipeline.json       what was asked, the parts, the tasks that were submitted
      before/ after/      an Execution each; of several attempts the newest counts
      parts/<name>/       attempts of this part, each an Execution; a done one counts
      parts/parts.json    how all parts ended, for `after`
      batch/ batch-2/ …   tasks as `beambook.jobs` knows them; one for each submission
      report.html report.pdf
"""
