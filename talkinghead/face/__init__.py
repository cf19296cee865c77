"""The face in a photograph: found, aligned, its lips measured, and every frame put back in its place."""
