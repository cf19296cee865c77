"""The 46 action units: their names, files of ours and of others, moods, blinks, and a voice as a stream of them."""
