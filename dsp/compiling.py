"""Whole programs: a kernel that Python calls is compiled together with all that it calls, once.

numba makes machine code of every function it compiles, and of all that the function calls: a chain of kernels is
optimised and translated once for each of its links, and each link gets wrappers by which Python could call it. Of the
pass, that was three quarters of the time that compiling took, and half a gigabyte.

So here a kernel that is called by kernels is brought to LLVM's intermediate code only, as a part of the program whose
root Python calls. The root is linked from its parts, optimised and translated as a whole. This knows numba from inside
(the package is held to one minor version for that), and only four places of it: what a dispatcher answers to kernels,
what a code library does with what it is linked with, how symbols are named, and how programs are kept.
"""

import os
import warnings
from hashlib import blake2b
from pathlib import Path
from typing import Any, ClassVar

from llvmlite import binding as llvm
from numba.core import caching, compiler, itanium_mangler
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


class _Locator(caching.UserProvidedCacheLocator):
    """Where in a folder the programs of a function are, and what they were made of.

    Folders are named by the content of `root`, so a function below it is known by its place there, and another copy of
    the same code has its use of what was compiled. Of others numba looks at path and content.
    """

    root: ClassVar = Path(__file__).parent

    @classmethod
    def from_function(cls, function: Any, file: str) -> Any:
        """Make the locator. Folders are made when something is written: most are only read."""
        return cls(function, file)

    @classmethod
    def get_suitable_cache_subpath(cls, file: str) -> str:
        """Name the folder in the folder."""
        folder = Path(file).parent
        if not folder.is_relative_to(cls.root):
            return str(super().get_suitable_cache_subpath(file))
        return "_".join((cls.root.name, *folder.relative_to(cls.root).parts))

    def get_source_stamp(self) -> Any:
        """Tell what the function is made of."""
        return None if Path(self._py_file).is_relative_to(self.root) else super().get_source_stamp()


class _Programs(caching.CompileResultCacheImpl):
    _locator_classes = [_Locator]  # noqa: RUF012 - numba's


class _File(caching.IndexDataCacheFile):
    """Programs of one function: numba's files, with a digest. What is damaged or may not be read is as if missing."""

    def _load_index(self) -> Any:
        try:
            return super()._load_index()
        except Exception:  # unpickling what is damaged raises anything
            return {}

    def load(self, key: Any) -> Any:
        """Give what is kept under `key`: signature, processor with its features, digest; None: nothing."""
        try:
            return super().load(key)
        except Exception:  # as above
            return None

    def _dump(self, content: Any) -> bytes:
        pickled: bytes = super()._dump(content)
        return pickled + blake2b(pickled, digest_size=_DIGEST_BYTES).digest()  # no pickle reads beyond its end

    def _load_data(self, name: str) -> Any:
        whole = Path(self._data_path(name)).read_bytes()
        if blake2b(whole[:-_DIGEST_BYTES], digest_size=_DIGEST_BYTES).digest() != whole[-_DIGEST_BYTES:]:
            return None
        return super()._load_data(name)

    def has(self, target: Any) -> bool:
        """Whether there is a program for this processor with its features."""
        return any(
            key[1] == target and Path(self._data_path(name)).exists() for key, name in self._load_index().items()
        )


_DIGEST_BYTES = 16


class _Cache(caching.FunctionCache):
    """Programs on disk: looked for in `read_only`, then in numba's folder (`CACHE_DIR`), where new ones are written.

    numba makes ready for compiling before it looks here: it imports all that it knows how to compile, which takes five
    times as long as loading the programs, and 25 MB that are never given back. Machine code needs none of it; where a
    program is missing, numba's compiler makes itself ready.
    """

    _impl_class = _Programs
    read_only: ClassVar[tuple[Path, ...]] = ()

    def __init__(self, function: Any) -> None:
        super().__init__(function)
        own = Path(self._cache_path)
        self._files = [
            _File(os.fspath(folder / own.name), self._impl.filename_base, self._cache_file._source_stamp)
            for folder in (*self.read_only, own.parent)
        ]
        self._cache_file = self._files[-1]

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Load the program for a signature; None: it has to be compiled."""
        key = self._index_key(sig, target_context.codegen())
        found = next((data for data in (file.load(key) for file in self._files) if data is not None), None)
        return None if found is None else self._impl.rebuild(target_context, found)

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a program."""
        try:
            super().save_overload(sig, data)
        except OSError as error:
            warnings.warn(f"compiled code is not kept: {error}", stacklevel=2)

    def has(self, target: Any) -> bool:
        """Whether a program of the function is kept for this processor."""
        return any(file.has(target) for file in self._files)


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

    def is_kept(self) -> bool:
        """Whether a program of it is on disk, for this processor."""
        context: Any = self.targetctx
        return self._cache.has(context.codegen().magic_tuple())

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


def install(read_only: tuple[Path, ...]) -> None:
    """Have numba make programs, in this process, and look for them in the folders `read_only`, too."""
    _Cache.read_only = read_only
    cpu_target.target_context.codegen()._library_class = _Program
    cpu_target.target_context.mangler = _short_name
