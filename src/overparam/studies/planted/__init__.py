"""Does width help to recover a planted teacher?"""
