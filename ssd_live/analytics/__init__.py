"""Tell what tracked objects do: which lines they cross, and in which areas they are."""
