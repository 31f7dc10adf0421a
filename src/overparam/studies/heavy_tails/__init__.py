"""Does heavy-tailed noise in SGD make wide networks compressible?"""
