"""Whole programs: a kernel that Python calls is compiled together with all that it calls, once.

numba makes machine code of every function it compiles, and of all that the function calls: a chain of kernels is
optimised and translated once for each of its links, and each link gets wrappers by which Python could call it. Of the
pass, that was three quarters of the time that compiling took, and half a gigabyte.

So here a kernel that is called by kernels is brought to LLVM's intermediate code only, as a part of the program whose
root Python calls. The root is linked from its parts, optimised and translated as a whole. This knows numba from inside
(the package is held to one minor version for that), and only four places of it: what a dispatcher answers to kernels,
what a code library does with what it is linked with, how symbols are named, and what is done before a cache is read.
"""

from hashlib import blake2b
from typing import Any

from llvmlite import binding as llvm
from numba.core import compiler, itanium_mangler
from numba.core.caching import FunctionCache
from numba.core.codegen import JITCodeLibrary
from numba.core.registry import CPUDispatcher, cpu_target
from numba.core.typing.templates import make_concrete_template

_ROOT_OPTIONS = {"nopython": True, "boundscheck": None}  # None: as the environment says
_PART_OPTIONS = {**_ROOT_OPTIONS, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}


class _Program(JITCodeLibrary):
    """The code of a function: a part of others as long as it is not finalised, a program with its parts from then."""

    def _optimize_functions(self, module: Any) -> None:
        module.data_layout = self._codegen._data_layout  # and nothing else: the program will be optimised

    def add_linking_library(self, library: Any) -> None:
        self._linking_libraries.append(library)  # without finalising it

    def _parts(self) -> list[Any]:
        """All libraries that this one needs, directly or not. Those that are finalised hold their own."""
        found: dict[Any, None] = {}
        waiting = list(self._linking_libraries)
        while waiting:
            library = waiting.pop()
            if library not in found:
                found[library] = None
                if not library._finalized:
                    waiting += library._linking_libraries
        return list(found)

    def _link(self) -> None:
        for library in self._parts():
            self._reload_init.update(library._reload_init)
            if library._finalized:
                self._final_module.link_in(library._get_module_for_linking(), preserve=True)
            else:
                self._final_module.link_in(library._final_module, preserve=True)

    def _trim(self, own: set[str], parts: list[str]) -> None:
        """Drop arguments that a part does not use, and parts that nobody uses.

        Kernels hand each other all of the state, some 400 words by value; that is a cost of each call otherwise.
        """
        for name in parts:
            self._final_module.get_function(name).linkage = llvm.Linkage.internal  # all of its callers are here
        manager, builder = llvm.create_new_module_pass_manager(), self._codegen._pass_builder()
        manager.add_sroa_pass()
        manager.add_simplify_cfg_pass()
        manager.add_instruction_combine_pass()
        manager.add_ipsccp_pass()
        manager.add_simplify_cfg_pass()
        manager.add_dead_arg_elimination_pass()
        manager.add_global_dead_code_eliminate_pass()
        manager.run(self._final_module, builder)
        # Not internal any longer: what is internal and has one caller is inlined however large it is, and the pass
        # would become one function that takes LLVM a minute and is no faster.
        # And under names of this program's own: what is left of a part fits its callers here (a constant that all of
        # them hand over is in it), and another program of this process must not be given it.
        program = blake2b("|".join(sorted(own)).encode(), digest_size=8).hexdigest()
        left = set(parts)
        for function in [f for f in self._final_module.functions if f.name in left and not f.is_declaration]:
            function.linkage = llvm.Linkage.linkonce_odr
            function.name = f"{function.name}.{program}"

    def finalize(self) -> None:
        """Make the program: link, optimise, translate."""
        self._raise_if_finalized()
        own = {function.name for function in self._final_module.functions if not function.is_declaration}
        self._link()
        functions = [function.name for function in self._final_module.functions if not function.is_declaration]
        self._trim(own, [name for name in functions if name not in own])
        self._optimize_final_module()
        self._final_module.verify()
        self._finalize_final_module()

    def serialize_using_object_code(self) -> Any:
        """Give what is cached: machine code and the names in it. No intermediate code: nobody links a cached root."""
        self._ensure_finalized()
        module = self._final_module
        defined = [v.name for vs in (module.functions, module.global_variables) for v in vs if not v.is_declaration]
        return self.name, "program", (self._get_compiled_object(), defined)

    @classmethod
    def _unserialize(cls, codegen: Any, state: Any) -> Any:
        name, _kind, (machine_code, defined) = state
        library = codegen.create_library(name)
        library.enable_object_caching()
        library._set_compiled_object(machine_code)
        library._finalize_final_module()
        codegen._engine._defined_symbols.update(defined)
        return library


class _Cache(FunctionCache):
    """Programs on disk.

    numba makes ready for compiling before it looks here: it imports all that it knows how to compile, which takes five
    times as long as loading the programs, and 25 MB that are never given back. Machine code needs none of it; where a
    program is missing, numba's compiler makes itself ready.
    """

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Load the program for a signature; None: it has to be compiled."""
        with self._guard_against_spurious_io_errors():
            return self._load_overload(sig, target_context)


class Kernel(CPUDispatcher):
    """A function that is compiled as a program when Python calls it, as a part when a kernel does."""

    _compiler: Any

    def __init__(self, function: Any, **options: Any) -> None:
        super().__init__(function, targetoptions={**_ROOT_OPTIONS, **options})
        self._parts: dict[Any, Any] = {}
        self._part_options = {**_PART_OPTIONS, **options}

    def enable_caching(self) -> None:
        """Keep its programs on disk."""
        self._cache = _Cache(self.py_func)

    def _part(self, types: Any) -> Any:
        """Compile for the argument types `types`, to intermediate code."""
        flags: Any = compiler.Flags()
        self.targetdescr.options.parse_as_flags(flags, self._part_options)
        flags.no_compile = True
        made = compiler.compile_extra(
            self.typingctx, self.targetctx, self.py_func, types, None, flags, self.locals,
            pipeline_class=self._compiler.pipeline_class,
        )  # fmt: skip
        made = made._replace(entry_point=object())  # there is none; it is what numba knows the part by
        self.targetctx.insert_user_function(made.entry_point, made.fndesc, [made.library])
        return made

    def get_call_template(self, args: Any, kws: Any) -> Any:
        """Answer a kernel that calls this one: what it returns, and what its arguments are folded to."""
        signature, folded = self._compiler.fold_argument_types(args, kws)
        types = tuple(folded)
        if types not in self._parts:
            self._parts[types] = self._part(types)
        name = self.py_func.__name__
        signatures = [part.signature for part in self._parts.values()]
        return make_concrete_template(f"CallTemplate({name})", name, signatures), signature, folded, {}

    def get_overload(self, types: Any) -> Any:
        """Tell by what numba knows the part for these argument types."""
        return self._parts[tuple(types)].entry_point


_digests: dict[Any, str] = {}


def _short_name(name: str, types: Any, *, abi_tags: Any = (), uid: int | None = None) -> str:
    """Name a symbol as numba does, with a digest for the argument types: a record names all of its fields, 10 kB."""
    types = tuple(types)
    if types not in _digests:
        _digests[types] = "t" + blake2b("|".join(map(str, types)).encode(), digest_size=8).hexdigest()
    return itanium_mangler.mangle(name, (), abi_tags=(*abi_tags, _digests[types]), uid=uid)


def install() -> None:
    """Have numba make programs, in this process."""
    cpu_target.target_context.codegen()._library_class = _Program
    cpu_target.target_context.mangler = _short_name
