__all__: list[str]  # noqa: PYI035 - the names of this file

from authfsm.traces.client_recording import Recording as Recording
from authfsm.traces.client_recording import record as record
from authfsm.traces.funnels import Funnel as Funnel
from authfsm.traces.funnels import InputSummary as InputSummary
from authfsm.traces.funnels import StepDuration as StepDuration
from authfsm.traces.funnels import TransitionCount as TransitionCount
from authfsm.traces.log_symbols import CheckedStep as CheckedStep
from authfsm.traces.log_symbols import Verdict as Verdict
from authfsm.traces.query import UnknownDialect as UnknownDialect
from authfsm.traces.query import sql as sql
from authfsm.traces.sources import UnreadableTraceFile as UnreadableTraceFile
from authfsm.traces.step_log import Recorder as Recorder
from authfsm.traces.step_log import recorder as recorder
from authfsm.traces.trace_files import InvalidMemoryLimit as InvalidMemoryLimit
from authfsm.traces.trace_files import OutOfResources as OutOfResources
from authfsm.traces.trace_files import TraceFiles as TraceFiles
from authfsm.traces.trace_files import funnel_from_rows as funnel_from_rows
