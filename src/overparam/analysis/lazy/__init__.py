"""Did a network learn features, or fit by its tangent kernel?"""
