"""`viewerCan`: what the viewer may do with an object, as its collection says under `abilities`.

A type whose collection has abilities has this field without another word; `graph.fields.node.backed_by` adds it.
"""

from collections.abc import Mapping
from typing import Any

import strawberry
from strawberry.utils.str_converters import to_camel_case

from graph.fields.declared import DeclaredField, with_attributes
from graph.fields.descriptions import type_words

__all__ = ["ViewerCan", "viewer_can"]

FIELD_DESCRIPTION = (
    "Actions that the viewer may take on the {noun} as it is now; all false if the {noun} no longer exists, and for a"
    " past state of it."
)
TYPE_DESCRIPTION = (
    "Whether the viewer may take each action on the {noun}, by the viewer's permissions and the state of the {noun}: an"
    " action that is true is not refused for either reason, and one that would change nothing is false."
)


class ViewerCan(DeclaredField, compilable=True):
    """The abilities that the caller has on a row."""

    actions: type
    """The type with a boolean for each ability."""

    async def get_result(self, source: Any, info: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:  # noqa: ARG002  # Strawberry's signature
        """Ask for those of all rows together; what is past or gone can be changed by nobody."""
        collection = self.binding.collection
        found = None if source.is_past else await info.context.loaders.abilities(collection, source.id)
        return self.actions(**(found or dict.fromkeys(collection.abilities, False)))


def viewer_can(name: str, abilities: Mapping[str, Any], mutations: Mapping[str, str]) -> tuple[type, ViewerCan]:
    """Return the type and the field for what a viewer may do with rows of a type.

    Args:
        name: the type.
        abilities: by name, as its collection has them.
        mutations: by ability, the mutation that it is about, where that is not called after ability and type.
    """
    if unknown := mutations.keys() - abilities.keys():
        raise TypeError(f"{name} has mutations for abilities that its collection lacks: {', '.join(sorted(unknown))}.")
    noun = type_words(name)
    fields = {each: _ability_field(each, name, mutations) for each in abilities}
    made = type(f"{name}ViewerCan", (), {"__annotations__": dict.fromkeys(abilities, bool), **fields})
    actions = strawberry.type(made, description=TYPE_DESCRIPTION.format(noun=noun))
    return actions, with_attributes(ViewerCan(description=FIELD_DESCRIPTION.format(noun=noun)), actions=actions)


def _ability_field(ability: str, type_name: str, mutations: Mapping[str, str]) -> Any:
    mutation = mutations.get(ability) or f"{to_camel_case(ability)}{type_name}"
    action, noun = to_camel_case(ability), type_words(type_name)
    return strawberry.field(
        description=f"Whether the viewer may take the action `{action}` on the {noun} as it is now, with `{mutation}`."
    )
