"""What a glioma did between visits: measuring, matching, response, resection and growth over two or more visits.

For research only, not for clinical use.
"""
