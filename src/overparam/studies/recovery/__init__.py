"""When does the global optimum of a ReLU network equal the planted model?"""
