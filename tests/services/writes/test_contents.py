"""What a row contains is declared by the models, and that is all there is."""

import models
from models.base import contents_of, table_of


def test_tasks_and_documents_are_contained_in_projects() -> None:
    contents = contents_of(table_of(models.Project))
    assert {("tasks", "project_id"), ("documents", "project_id")} <= {(table.name, name) for table, name in contents}
    for table, column in contents:
        assert {"deleted_at", column} <= set(table.c.keys()), (
            f"Give {table.name} a column deleted_at, or point at projects by a plain ForeignKeyConstraint."
        )


def test_whatever_points_at_a_project_says_whether_it_goes_with_it() -> None:
    """Whoever can be in the trash points at a project by `contained_in`, or would stay behind."""
    project, contained = table_of(models.Project), {table for table, _ in contents_of(table_of(models.Project))}
    pointing = [
        table
        for table in project.metadata.sorted_tables
        if any(key.referred_table is project for key in table.foreign_key_constraints) and "deleted_at" in table.c
    ]
    forgotten = {table.name for table in pointing} - {table.name for table in contained}
    assert not forgotten, f"Write contained_in('projects', …) into the models of {sorted(forgotten)}."
