"""What is true: rules as pure functions over frozen values, services, and the ports they need."""
