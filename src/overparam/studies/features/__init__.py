"""Are random, learned or resampled features enough, and how many?"""
