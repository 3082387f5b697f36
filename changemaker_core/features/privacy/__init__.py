"""What is stored about people: how it is exported, erased, and how long it is kept."""
