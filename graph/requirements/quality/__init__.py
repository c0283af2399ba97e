"""Quality of requirements: rules that find weak wording, and the job that applies them."""
