"""Compiled execution for strawberry and graphql-core; README.md says how it works and why it is safe."""

from gateway.execution.executor import CompiledExecutor, compiled_executor
from gateway.execution.host import Host, Read, Related
from gateway.execution.oddities import REASONS
from gateway.execution.prepared import Prepared, PreparedOperations

__all__ = [
    "REASONS",
    "CompiledExecutor",
    "Host",
    "Prepared",
    "PreparedOperations",
    "Read",
    "Related",
    "compiled_executor",
]
