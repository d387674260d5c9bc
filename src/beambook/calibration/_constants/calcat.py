"""The facility's data base of constants (CalCat), read through EXtra."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from beambook.calibration._constants.conditions import Conditions
from beambook.calibration._constants.constant import Constant
from beambook.calibration._constants.match import Strategy, Time, check_strategy, utc
from beambook.errors import BeambookError, ConstantNotFound, MissingPackage

__all__ = ["CalCat"]

_CLASSES = {
    "AGIPD": "AGIPDConditions",
    "LPD": "LPDConditions",
    "DSSC": "DSSCConditions",
    "JUNGFRAU": "JUNGFRAUConditions",
}
_Question = tuple[Conditions, str, datetime | None, str]


@dataclass(frozen=True, eq=False)
class CalCat:
    """The facility's data base of constants, to ask; nothing is ever written there.

    One look-up answers for all modules and all constants of a detector at a time; it is kept, so
    that asking for the next module costs nothing.

    Attributes
    ----------
    root : Path or None
        The folder that paths in the data base are relative to. By default that of the facility,
        if it is mounted here: ``/gpfs/exfel/d/cal/caldb_store``.

    Notes
    -----
    It needs the package ``euxfel-extra``, and the facility's network. From outside, give access
    with ``extra.calibration.setup_client`` first.

    Examples
    --------
    ::

        found = CalCat().query("Offset", detector="SPB_DET_AGIPD1M-1", module="AGIPD00",
                               conditions=conditions_of(run, "SPB_DET_AGIPD1M-1"), at=run.times[0])
    """

    root: Path | None = None
    _answers: dict[_Question, Mapping[str, Any]] = field(default_factory=dict, repr=False)

    def query(
        self,
        calibration: str,
        *,
        detector: str,
        module: str,
        conditions: Conditions,
        at: Time | None = None,
        strategy: Strategy = "closest",
        snapshot_at: Time | None = None,
    ) -> Constant:
        """The version of a constant that holds for a module at a time.

        Parameters
        ----------
        calibration, detector, module, conditions, at, strategy, snapshot_at
            See `ConstantSource.query`. The data base cannot be asked for its state in the past:
            a constant that was injected after `snapshot_at` is refused.

        Returns
        -------
        Constant
            Its ``conditions`` are those asked for: the data base does not tell within which
            deviations it holds.

        Raises
        ------
        ConstantNotFound
            There is none.
        MissingPackage
            EXtra is not installed.
        BeambookError
            The data base does not answer.
        """
        check_strategy(strategy)
        asked = conditions.parameters(calibration)
        time = None if at is None else utc(at)
        there = self._look_up(conditions, detector, time, strategy)
        try:
            found = there[calibration].constants[module]
        except KeyError:
            listed = ", ".join(f"{name} {value}" for name, value in asked.items())
            others = [name for name in there if module in there[name].constants]
            raise ConstantNotFound(
                calibration,
                where=f"CalCat for {detector} {module} at {time or 'this time'} with {listed}",
                hint=f"For the same conditions it has {', '.join(others) or 'nothing'}.",
            ) from None
        constant = self._constant(calibration, detector, module, asked, found)
        _check_snapshot(constant, snapshot_at)
        return constant

    def _look_up(
        self, conditions: Conditions, detector: str, at: datetime | None, strategy: Strategy
    ) -> Mapping[str, Any]:
        question = (conditions, detector, at, strategy)
        if question not in self._answers:
            self._answers[question] = _asked(*question)
        return self._answers[question]

    def _constant(
        self,
        calibration: str,
        detector: str,
        module: str,
        asked: Mapping[str, Any],
        found: Any,
    ) -> Constant:
        about = found.metadata_dict()
        return Constant(
            calibration,
            detector,
            module,
            found.pdu_name,
            self._folder() / found.path,
            found.dataset,
            found.ccv_id,
            utc(about["begin_validity_at"]),
            utc(about["end_validity_at"]) if about["end_validity_at"] else None,
            utc(about["created_at"]),
            asked,
            raw_data=about["raw_data_location"] or "",
        )

    def _folder(self) -> Path:
        if self.root is not None:
            return Path(self.root)
        try:
            return Path(_extra().get_default_caldb_root())
        except RuntimeError:  # not at the facility: reading will say that there is no such file
            return Path("caldb_store")


def _extra() -> Any:
    try:
        import extra.calibration  # an optional package, and slow to load
    except ImportError as error:
        raise MissingPackage(
            "CalCat is asked through EXtra, which is not installed",
            hint="Install it: pip install 'beambook[calcat]'.",
        ) from error
    return extra.calibration


def _asked(
    conditions: Conditions, detector: str, at: datetime | None, strategy: Strategy
) -> Mapping[str, Any]:
    extra = _extra()
    theirs = getattr(extra, _CLASSES[conditions.kind])(**asdict(conditions))
    try:
        found: Mapping[str, Any] = extra.CalibrationData.from_condition(
            theirs, detector, event_at=at, begin_at_strategy=strategy
        )
    except KeyError as error:
        raise ConstantNotFound(detector, where="CalCat", hint=str(error.args[0])) from error
    except (OSError, RuntimeError) as error:  # what requests raises is an OSError
        raise BeambookError(
            f"CalCat does not answer: {error}",
            hint="Outside the facility's network, use a folder of constants: Constants(…).",
        ) from error
    return found


def _check_snapshot(constant: Constant, snapshot_at: Time | None) -> None:
    if snapshot_at is None or constant.created is None or constant.created <= utc(snapshot_at):
        return
    raise ConstantNotFound(
        constant.calibration,
        where=f"CalCat as of {utc(snapshot_at):%Y-%m-%d %H:%M:%S} UTC",
        hint=f"Its answer, {constant.id}, was injected on {constant.created:%Y-%m-%d %H:%M:%S}; "
        "what it would have answered before cannot be asked.",
    )
