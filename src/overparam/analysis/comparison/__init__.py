"""Do two networks learn the same neurons?"""
