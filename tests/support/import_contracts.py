"""Import contracts that cover modules which they do not name, so that a new domain is under contract at once."""

from dataclasses import replace
from typing import Any

import grimp
from importlinter.contracts.forbidden import ForbiddenContract
from importlinter.contracts.layers import LayersContract, ModuleTail
from importlinter.domain import fields
from importlinter.domain.contract import ContractCheck

__all__ = ["LadderContract", "MachineryContract"]


class MachineryContract(ForbiddenContract):
    """The machinery of a package imports nothing else of that package.

    Options: `machinery`, its modules or packages. Whatever stands beside them is a domain.
    """

    source_modules = fields.SetField(subfield=fields.ModuleExpressionField(), required=False)
    forbidden_modules = fields.SetField(subfield=fields.ModuleExpressionField(), required=False)
    machinery = fields.SetField(subfield=fields.StringField())

    def check(self, graph: grimp.ImportGraph, verbose: bool) -> ContractCheck:  # noqa: FBT001  # the linter's signature
        names: set[str] = set(self.machinery)  # type: ignore[call-overload]  # an instance has its value here
        packages = {name.partition(".")[0] for name in names}
        domains = {child for package in packages for child in graph.find_children(package)} - names
        self.source_modules: Any = set(map(fields.ModuleExpressionField().parse, names))
        self.forbidden_modules: Any = set(map(fields.ModuleExpressionField().parse, domains))
        return super().check(graph, verbose)


class LadderContract(LayersContract):
    """The layers of a package, with every module that is in none of them in the layer of `beside`.

    Options: those of layers; `exhaustive_ignores` names what is no layer.
    """

    beside = fields.StringField()

    def check(self, graph: grimp.ImportGraph, verbose: bool) -> ContractCheck:  # noqa: FBT001  # the linter's signature
        declared: Any = self
        (container,) = (str(each.expression) for each in declared.containers)
        named = {tail.name for layer in declared.layers for tail in layer.module_tails}
        children = {child.removeprefix(f"{container}.") for child in graph.find_children(container)}
        others = {ModuleTail(name) for name in children - named - set(declared.exhaustive_ignores)}
        declared.layers = [
            replace(layer, module_tails=layer.module_tails | others) if self._is_beside(layer) else layer
            for layer in declared.layers
        ]
        return super().check(graph, verbose)

    def _is_beside(self, layer: Any) -> bool:
        return self.beside in {tail.name for tail in layer.module_tails}
