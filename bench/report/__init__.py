"""From records to something that a person reads."""
