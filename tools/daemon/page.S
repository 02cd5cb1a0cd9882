// The built page's files as they are; PAGE_* are their paths, quoted.
.section .rodata
.global tokengate_page_html, tokengate_page_html_end
tokengate_page_html: .incbin PAGE_HTML
tokengate_page_html_end: .byte 0
.global tokengate_page_js, tokengate_page_js_end
tokengate_page_js: .incbin PAGE_JS
tokengate_page_js_end: .byte 0
.global tokengate_page_css, tokengate_page_css_end
tokengate_page_css: .incbin PAGE_CSS
tokengate_page_css_end: .byte 0

.section .note.GNU-stack, "", %progbits
