"""A helper stays LLVM code until a kernel calls it: only kernels are optimised as a whole, and become machine code.

numba makes a library of every function that it compiles: optimised, wrapped for Python, turned into machine code.
Nobody calls a helper's machine code, since each caller links the helper's LLVM code and optimises that copy, and the
caller's caller does so again. Here a helper is lowered, tidied up alone and kept; a kernel links all helpers that it
reaches, and optimises them with itself, once: `sample` for float32 has 133 helpers. It compiles in a third of the time.
"""

from collections.abc import Iterable
from typing import Any

from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler


class HelperCompiler(Compiler):  # type: ignore[misc]
    """Compiles a helper as far as LLVM code."""

    def _compile_core(self) -> Any:
        self.state.library = _library(HelperLibrary, self.state)
        self.state.library.stays_a_function = not self.state.flags.forceinline
        return super()._compile_core()


class KernelCompiler(Compiler):  # type: ignore[misc]
    """Compiles a kernel with all the helpers that it reaches."""

    def _compile_core(self) -> Any:
        self.state.library = _library(KernelLibrary, self.state)
        compiled = super()._compile_core()
        for environment in compiled._find_referenced_environments():
            compiled.library.codegen.set_env(environment.env_name, environment)  # helpers' too, which an error needs
        return compiled


def _library(kind: type[Any], state: Any) -> Any:
    library = kind(state.targetctx.codegen(), state.func_id.func_qualname)
    library.enable_object_caching()
    return library


class HelperLibrary(JITCodeLibrary):  # type: ignore[misc]
    """The LLVM code of one helper, tidied up alone; the helpers that it calls are beside it, not in it."""

    stays_a_function = False

    def add_ir_module(self, ir_module: Any) -> None:
        if self.stays_a_function:
            for one in ir_module.functions:
                if not one.is_declaration:
                    one.attributes.add("noinline")
        super().add_ir_module(ir_module)

    def finalize(self) -> None:
        self._raise_if_finalized()
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        return 0

    @property
    def codegen(self) -> "_WithoutEnvironments":
        return _WithoutEnvironments(self._codegen)


class _WithoutEnvironments:
    """numba's code generator, but for the address of a helper's environment: it has none before a kernel has it."""

    def __init__(self, codegen: Any) -> None:
        self._codegen = codegen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._codegen, name)

    def set_env(self, env_name: str, env: Any) -> None:
        pass


class KernelLibrary(JITCodeLibrary):  # type: ignore[misc]
    """The machine code of a kernel and of all the helpers that it reaches."""

    @classmethod
    def from_object(cls, codegen: Any, name: str, object_code: bytes, symbols: Iterable[str]) -> "KernelLibrary":
        """Return the library that has this machine code, which defines these symbols."""
        library = cls(codegen, name)
        library.enable_object_caching()
        library._set_compiled_object(object_code)
        library._finalize_final_module()
        codegen._engine._defined_symbols.update(symbols)
        return library

    def finalize(self) -> None:
        self._linking_libraries: list[Any] = _callers_first(self._linking_libraries)
        super().finalize()

    def _get_module_for_linking(self) -> Any:
        raise TypeError(f"{self.name} is a kernel, and kernels do not call kernels: make what both do a helper")


def _callers_first(libraries: Iterable[Any]) -> list[Any]:
    """Return the libraries and all that helpers among them reach, each once, and before what it calls.

    LLVM links of a library only what is called by something that is there already. numba's own libraries hold what
    they call.
    """
    order: dict[Any, None] = {}

    def add(library: Any) -> None:
        if library not in order:
            for called in library._linking_libraries if isinstance(library, HelperLibrary) else ():
                add(called)
            order[library] = None

    for library in libraries:
        add(library)
    return list(reversed(order))
