"""Objects of delivery for tests, and their mutations by one document each."""

from graph.schema import schema
from tests.delivery.samples import BUILD

MUTATIONS = schema._schema.mutation_type.fields


def document(mutation, selected, names):
    """Return a document that calls a mutation with variables for the arguments of these names."""
    types = {name: given.type for name, given in MUTATIONS[mutation].args.items()}
    declared = ", ".join(f"${name}: {types[name]}" for name in names)
    passed = ", ".join(f"{name}: ${name}" for name in names)
    return f"mutation ({declared}) {{ {mutation}({passed}) {{ {selected} }} }}"


async def write(world, person, mutation, kind, selected="id version status", **arguments):
    """Call a mutation as a person, and return what it selects of the row of this kind."""
    text = document(mutation, f"{kind} {{ {selected} }}", arguments)
    return (await world.ask(person, text, **arguments))[kind]


async def feature(world, person="editor", selected="id version", **values):
    """Create a feature of the requirement of the world."""
    new = {
        "projectId": world.project,
        "requirementId": world.requirement,
        "name": "Brake pads",
        **values,
    }
    return await write(world, person, "featureCreate", "feature", selected, input=new)


async def build(world, person="editor", **values):
    """Create a build that has succeeded."""
    new = {"projectId": world.project, **BUILD, "status": "SUCCESS", **values}
    return await write(world, person, "buildCreate", "build", input=new)


async def environment(world, name="production", **values):
    """Create an environment, and return its ID."""
    new = {"projectId": world.project, "name": name, **values}
    made = await write(world, "admin", "environmentCreate", "environment", "id version", input=new)
    return made["id"]


async def defect(world, **values):
    """Create a defect."""
    new = {"projectId": world.project, "title": "Rolls on", "description": "No stop.", **values}
    return await write(world, "editor", "defectCreate", "defect", input=new)
