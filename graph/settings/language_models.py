"""The language model that proposes wordings."""

from pydantic import Field
from pydantic_settings import BaseSettings

from graph.settings.types import Number, Seconds, Token


class LanguageModelSettings(BaseSettings):
    """The language model, and what an organization can use of it."""

    language_model_url: str = Field(
        default="",
        pattern=r"^(https?://[^\s?#]+[^\s?#/])?$",
        description="The base URL of a language model with an API compatible with OpenAI, such as"
        " `https://models.example/v1`. It can be in the operator's own network. Without it, no text"
        " is sent to a language model.",
    )
    language_model_key: Token = Field(
        default=None, description="The key that is sent to LANGUAGE_MODEL_URL as a bearer token."
    )
    language_model_name: str = Field(
        default="",
        pattern=r"^\S{0,200}$",
        description="The name of the model. Required with LANGUAGE_MODEL_URL.",
    )
    language_model_timeout: Seconds = Field(
        default=60.0,
        ge=1,
        le=120,
        description="The maximum time in seconds of a request to the language model.",
    )
    language_model_max_tokens: Number = Field(
        default=2_000,
        ge=100,
        le=100_000,
        description="The maximum number of tokens of an answer of the language model.",
    )
    language_model_credits_per_1000_tokens: Number = Field(
        default=10, ge=0, description="The number of credits that 1,000 tokens cost."
    )
    language_model_monthly_credits: Number = Field(
        default=10_000,
        ge=0,
        description="The maximum number of credits that an organization can use in a calendar month"
        " (UTC), if its plan has no number of its own.",
    )
