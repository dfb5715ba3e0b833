"""Compiled execution for strawberry and graphql-core; README.md says how it works and why it is safe."""

from gateway.execution.cache import OUTCOMES
from gateway.execution.executor import CompiledExecutor, compiled_executor
from gateway.execution.host import Host, Read, Related, Worked
from gateway.execution.oddities import REASONS
from gateway.execution.prepared import Prepared

__all__ = [
    "OUTCOMES",
    "REASONS",
    "CompiledExecutor",
    "Host",
    "Prepared",
    "Read",
    "Related",
    "Worked",
    "compiled_executor",
]
