"""What the screens are made of. Widgets take view values and post messages; they never call the port."""
