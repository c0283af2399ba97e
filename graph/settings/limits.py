"""The limits of a request and of a GraphQL operation."""

from pydantic import Field
from pydantic_settings import BaseSettings

from graph.settings.types import Factor, Number, Seconds


class LimitSettings(BaseSettings):
    """The limits of a request and of a GraphQL operation."""

    viewer_cache: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="The time in seconds for which the rights of a viewer are cached. A revoked"
        " token or role takes effect at once in the process that revokes it, in other processes"
        " as soon as they read the event, and after this time at the latest. 0 disables"
        " the cache.",
    )
    operation_timeout: Seconds = Field(
        default=10.0, gt=0, description="The maximum time in seconds of a GraphQL operation."
    )
    body_limit: Number = Field(
        default=1_000_000, ge=1000, description="The maximum size in bytes of a request body."
    )
    head_timeout: Seconds = Field(
        default=5.0,
        gt=0,
        description="The maximum time in seconds to receive the head of a request.",
    )
    body_timeout: Seconds = Field(
        default=15.0,
        gt=0,
        description="The maximum time in seconds to receive the body of a request.",
    )
    max_document_length: Number = Field(
        default=100_000,
        ge=1000,
        description="The maximum length in characters of a GraphQL document.",
    )
    document_cache: Number = Field(
        default=32_000_000,
        ge=0,
        description="The size in bytes of the cache of parsed and validated documents.",
    )
    max_tokens: Number = Field(
        default=2000, ge=10, description="The maximum number of lexical tokens in a document."
    )
    max_depth: int = Field(
        default=12, ge=1, le=100, description="The maximum depth of nested fields."
    )
    max_fields: Number = Field(
        default=1500,
        ge=1,
        description="The maximum number of fields in an operation, fragments included.",
    )
    max_aliases: Number = Field(
        default=30, ge=0, description="The maximum number of aliases in an operation."
    )
    max_root_fields: Number = Field(
        default=20, ge=1, description="The maximum number of root fields in a query."
    )
    max_mutations: Number = Field(
        default=5, ge=1, description="The maximum number of root fields in a mutation."
    )
    max_directives: Number = Field(
        default=50, ge=0, description="The maximum number of directives in an operation."
    )
    max_list_items: Number = Field(
        default=500, ge=1, description="The maximum number of items in a list argument or variable."
    )
    max_conditions: Number = Field(
        default=250,
        ge=1,
        description="The maximum number of conditions in the filters of an operation, including the"
        " members of `and` and `or` and the keys of `orderBy`.",
    )
    # Four levels of lists with their default pages of 20 cost 168,421 and must pass: whoever
    # explores a requirement set asks for just that. A fifth level does not pass, nor do pages of
    # 100 in three levels. What passes still has the deadlines of an operation and its statements.
    max_cost: Number = Field(
        default=200_000,
        ge=1,
        description="The maximum cost of an operation. A field that reads rows costs 1 plus its"
        " page size times the cost of the fields selected beneath it.",
    )
    cost_per_second: Number = Field(
        default=5_000,
        ge=1,
        description="The cost per second that a person, or an application that acts for itself, can"
        " use in one process. Cost that an operation does not use is refunded.",
    )
    cost_burst: Number = Field(
        default=500_000,
        ge=1000,
        description="The cost that they can use at once after a pause. Must be larger than"
        " MAX_COST.",
    )
    key_cost_factor: Factor = Field(
        default=1.0,
        description="The cost that one credential (a key, a token or a browser session) can use, as"
        " a multiple of COST_PER_SECOND and COST_BURST.",
    )
    application_cost_factor: Factor = Field(
        default=20.0,
        description="The cost that all users of one application can use, likewise.",
    )
    network_cost_factor: Factor = Field(
        default=20.0,
        description="The cost that all clients in one network (IPv4 /24, IPv6 /64) can use,"
        " likewise, including those that are not signed in.",
    )
    organization_cost_factor: Factor = Field(
        default=20.0,
        description="The cost that all members of one organization can use, likewise.",
    )
    max_answer_bytes: Number = Field(
        default=16_000_000,
        ge=1000,
        description="The maximum size in bytes of a response or a live event. An operation reads at"
        " most four times as many bytes from the database.",
    )
