"""A notebook's conversation with its kernel: nbclient without its blind waits and blind spots."""

from __future__ import annotations

import asyncio
from queue import Empty
from typing import Any

from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionComplete, DeadKernelError
from nbformat import NotebookNode

from beambook.recipe._kernel import Kernel
from beambook.recipe._overflow import CellOutputs, OutputLimits

__all__ = ["CellClient"]

LAST_WORDS_SECONDS = 0.3
QUIET_SECONDS = 5.0
LATE = {"stream", "display_data", "execute_result", "error", "update_display_data"}


class CellClient(NotebookClient):
    """Executes cells: outputs are limited as they come, a death is noticed when it happens."""

    def __init__(self, notebook: NotebookNode, kernel: Kernel, limits: OutputLimits, **kw: Any):
        super().__init__(notebook, km=kernel.manager, record_timing=True, **kw)
        self.kc = kernel.client
        self.kernel = kernel
        self.limits = limits
        self.current: CellOutputs | None = None
        self.past: dict[str, tuple[int, CellOutputs]] = {}
        self.late: set[int] = set()
        self.failure: OSError | None = None

    async def run_cell(self, index: int) -> None:
        """Execute one cell; its outputs are complete afterwards, also when this raises."""
        cell = self.nb.cells[index]
        self.current = CellOutputs(index, self.limits)
        try:
            await self.async_execute_cell(cell, index)
        except DeadKernelError:
            if self.failure is not None:
                raise self.failure from None
            raise
        finally:
            self.current.settle(cell)
            self.current = None
            self._settle_late()
        if self.failure is not None:  # of a cell that had ended before we could stop it
            raise self.failure

    async def take_rest(self) -> bool:
        """Take what threads and tasks have printed since; whether there was anything."""
        try:
            while True:
                self._take_late(await self.kernel.client.iopub_channel.get_msg(timeout=0))
        except Empty:
            return bool(self.late)
        finally:
            self._settle_late()

    def _take_late(self, msg: dict[str, Any]) -> None:
        """Keep what is printed after its cell has ended, below the cell that the kernel names."""
        if msg["parent_header"].get("msg_id") not in self.past or msg["msg_type"] not in LATE:
            return
        index, outputs = self.past[msg["parent_header"]["msg_id"]]
        self.late.add(index)
        present = (self.current, self.clear_before_next_output)
        self.current, self.clear_before_next_output = outputs, False
        try:
            self.process_message(msg, self.nb.cells[index], index)
        finally:
            self.current, self.clear_before_next_output = present

    def _settle_late(self) -> None:
        for index, outputs in self.past.values():
            if index in self.late:
                outputs.settle(self.nb.cells[index])
        self.late.clear()

    def process_message(self, msg: dict[str, Any], cell: NotebookNode, cell_index: int) -> Any:
        """Limit what is shown before nbclient keeps it."""
        if (
            self.current is not None
            and "data" in msg["content"]
            and "comm_id" not in msg["content"]
        ):
            self.current.fit(msg["content"])
        return super().process_message(msg, cell, cell_index)

    def output(
        self, outs: list[NotebookNode], msg: dict[str, Any], display_id: str | None, cell_index: int
    ) -> Any:
        """Append an output; text is kept apart until the cell ends."""
        hooked = self.output_hook_stack[msg["parent_header"].get("msg_id")]
        if self.current is None or hooked:
            return super().output(outs, msg, display_id, cell_index)
        if msg["msg_type"] == "stream" and not self.clear_before_next_output:
            return self.current.stream(outs, msg["content"])
        if msg["msg_type"] == "error":
            self.current.fit_error(msg["content"])
        out = super().output(outs, msg, display_id, cell_index)
        if msg["msg_type"] == "stream" and out is not None:  # cleared what was there
            text = {"name": out.name, "text": outs.pop().text}
            return self.current.stream(outs, text)
        return out

    async def _async_poll_output_msg(
        self, parent_msg_id: str, cell: NotebookNode, cell_index: int
    ) -> None:
        """Take outputs until the kernel is idle; no limit to how long many outputs take."""
        assert self.current is not None  # noqa: S101
        self.past[parent_msg_id] = (cell_index, self.current)
        while True:
            try:
                msg = await self.kernel.client.iopub_channel.get_msg(timeout=QUIET_SECONDS)
            except Empty:
                if "shell.execute_reply" in cell["metadata"].get("execution", {}):
                    self.limits.note("the kernel never said that it was idle; outputs may be lost")
                    return
                continue
            try:
                if msg["parent_header"].get("msg_id") == parent_msg_id:
                    self.process_message(msg, cell, cell_index)
                else:
                    self._take_late(msg)
            except CellExecutionComplete:
                return
            except OSError as error:  # e.g. a full disk: the cell would go on printing
                self.failure = error
                self._give_up()
                return

    async def _async_poll_kernel_alive(self) -> None:
        """Notice the kernel's end when it happens, and hear its last words."""
        await self.kernel.ended()
        await asyncio.sleep(LAST_WORDS_SECONDS)
        self._give_up()

    def _give_up(self) -> None:
        """Make nbclient stop waiting for the reply, which it takes for a dead kernel."""
        if self.task_poll_for_reply is not None:
            self.task_poll_for_reply.cancel()
