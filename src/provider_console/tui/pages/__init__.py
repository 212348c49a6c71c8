"""What screens say, as pure functions from the state to lines of ink: no widget, no clock, no console."""
