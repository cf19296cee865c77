"""The stages of training and measuring, one program each: `python -m recipes.NAME`. What they share is in parts/."""
