"""Does variable projection train a residual network as well as descent?"""
