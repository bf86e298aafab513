<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="zh_CN" sourcelanguage="en">
 <context>
  <name>GliomaSAM</name>
  <message>
   <source>GliomaSAM</source>
   <translation>GliomaSAM</translation>
  </message>
  <message>
   <source>One click on up to four MR volumes, and the glioma in 3D: whole tumour, tumour core and enhancing tumour, as segments that stay editable, with their volumes. For research only, not for clinical use.</source>
   <translation>在最多四个 MR 图像上点击一次，即可得到三维胶质瘤：全肿瘤、肿瘤核心和强化肿瘤，均为可继续编辑的分割段，并给出体积。仅供研究，不用于临床。</translation>
  </message>
  <message>
   <source>Built on Segment Anything, MedSAM, MONAI and PyTorch. The models were trained on cases of BraTS.</source>
   <translation>基于 Segment Anything、MedSAM、MONAI 和 PyTorch。模型用 BraTS 病例训练。</translation>
  </message>
  <message>
   <source>Current step and time remaining. The panel and the views stay usable.</source>
   <translation>当前步骤和剩余时间。面板和视图始终可用。</translation>
  </message>
  <message>
   <source>Stop what is being computed. What is there already stays.</source>
   <translation>停止当前计算。已有内容保留。</translation>
  </message>
  <message>
   <source>Cancel</source>
   <translation>取消</translation>
  </message>
  <message>
   <source>Inputs</source>
   <translation>输入</translation>
  </message>
  <message>
   <source>T1</source>
   <translation>T1</translation>
  </message>
  <message>
   <source>T1 without contrast agent. Any of the four volumes may be absent.</source>
   <translation>不含对比剂的 T1。四个图像中任何一个均可缺失。</translation>
  </message>
  <message>
   <source>T1 contrast</source>
   <translation>T1 增强</translation>
  </message>
  <message>
   <source>T1 with contrast agent (gadolinium).</source>
   <translation>含对比剂（钆）的 T1。</translation>
  </message>
  <message>
   <source>T2</source>
   <translation>T2</translation>
  </message>
  <message>
   <source>T2-weighted volume.</source>
   <translation>T2 加权图像。</translation>
  </message>
  <message>
   <source>FLAIR</source>
   <translation>FLAIR</translation>
  </message>
  <message>
   <source>T2-FLAIR volume.</source>
   <translation>T2-FLAIR 图像。</translation>
  </message>
  <message>
   <source>Skull</source>
   <translation>颅骨</translation>
  </message>
  <message>
   <source>Remove the skull before the network reads the volumes? The volumes themselves are never changed.</source>
   <translation>在网络读取图像之前去除颅骨？图像本身从不更改。</translation>
  </message>
  <message>
   <source>Choose this when the patient moved between the scans: the volumes are registered to each other, on copies.</source>
   <translation>若患者在各次扫描之间移动过，请选择此项：将在副本上把图像相互配准。</translation>
  </message>
  <message>
   <source>Align the volumes</source>
   <translation>对齐图像</translation>
  </message>
  <message>
   <source>Volumes of different patients, by DICOM or the subject hierarchy, are refused. Choose this when they are of one patient all the same, for example after one of them was anonymised.</source>
   <translation>根据 DICOM 或对象层级属于不同患者的图像会被拒绝。若它们确属同一患者（例如其中之一已匿名化），请选择此项。</translation>
  </message>
  <message>
   <source>Of one patient</source>
   <translation>属于同一患者</translation>
  </message>
  <message>
   <source>Fill the four selectors by the names and the DICOM descriptions of the volumes of the scene. Where it holds another patient or visit as well, go on to that.</source>
   <translation>根据场景中图像的名称和 DICOM 描述填充四个选项。若场景中还有其他患者或检查，则转到它们。</translation>
  </message>
  <message>
   <source>Guess again</source>
   <translation>重新识别</translation>
  </message>
  <message>
   <source>Show the chosen volumes beside each other, each in a slice view of its own. The views are linked: scroll, zoom or click in any of them. Press again to get your views back.</source>
   <translation>并排显示所选的各个图像，每个占一个切片视图。各视图相互联动：可在任一视图中滚动、缩放或点击。再按一次即恢复原来的视图。</translation>
  </message>
  <message>
   <source>Compare volumes</source>
   <translation>并排比较</translation>
  </message>
  <message>
   <source>Prompts</source>
   <translation>提示</translation>
  </message>
  <message>
   <source>Region</source>
   <translation>区域</translation>
  </message>
  <message>
   <source>What the next prompts are about.</source>
   <translation>接下来的提示所针对的区域。</translation>
  </message>
  <message>
   <source>Click into the region</source>
   <translation>点击区域内部</translation>
  </message>
  <message>
   <source>Inside</source>
   <translation>内部</translation>
  </message>
  <message>
   <source>Click where the region must not be</source>
   <translation>点击不应属于该区域的位置</translation>
  </message>
  <message>
   <source>Outside</source>
   <translation>外部</translation>
  </message>
  <message>
   <source>Two clicks in one slice: opposite corners of a box round the region</source>
   <translation>在同一切片上点击两次：区域外接框的两个对角</translation>
  </message>
  <message>
   <source>2D box</source>
   <translation>2D 框</translation>
  </message>
  <message>
   <source>Place a box in 3D round the region, and drag its handles</source>
   <translation>在区域周围放置三维框，并拖动控制点</translation>
  </message>
  <message>
   <source>3D box</source>
   <translation>3D 框</translation>
  </message>
  <message>
   <source>Draw a line; double-click or right-click ends it</source>
   <translation>画一条线；双击或右键结束</translation>
  </message>
  <message>
   <source>Scribble</source>
   <translation>涂画</translation>
  </message>
  <message>
   <source>Draw round a part of a slice; double-click or right-click ends it</source>
   <translation>圈出切片的一部分；双击或右键结束</translation>
  </message>
  <message>
   <source>Lasso</source>
   <translation>套索</translation>
  </message>
  <message>
   <source>What is drawn next by scribble or lasso lies outside the region.</source>
   <translation>接下来用涂画或套索绘制的内容位于区域之外。</translation>
  </message>
  <message>
   <source>Lines mean: outside</source>
   <translation>线条表示：外部</translation>
  </message>
  <message>
   <source>Show the points, boxes and lines in the views.</source>
   <translation>在视图中显示点、框和线。</translation>
  </message>
  <message>
   <source>Show prompts</source>
   <translation>显示提示</translation>
  </message>
  <message>
   <source>Take the last prompt back</source>
   <translation>撤回上一个提示</translation>
  </message>
  <message>
   <source>Undo</source>
   <translation>撤销</translation>
  </message>
  <message>
   <source>Redo</source>
   <translation>重做</translation>
  </message>
  <message>
   <source>Take all prompts away (Undo brings them back)</source>
   <translation>移除所有提示（撤销可恢复）</translation>
  </message>
  <message>
   <source>Reset</source>
   <translation>重置</translation>
  </message>
  <message>
   <source>Segment without a prompt; all prompts are taken away (Undo brings them back)</source>
   <translation>无提示分割；移除所有提示（撤销可恢复）</translation>
  </message>
  <message>
   <source>Propose</source>
   <translation>建议</translation>
  </message>
  <message>
   <source>Segments</source>
   <translation>分割段</translation>
  </message>
  <message>
   <source>Segmentation</source>
   <translation>分割</translation>
  </message>
  <message>
   <source>Where the segments go. Each segmentation has volumes and prompts of its own.</source>
   <translation>分割段的存放位置。每个分割都有自己的图像和提示。</translation>
  </message>
  <message>
   <source>Segments are</source>
   <translation>分割段为</translation>
  </message>
  <message>
   <source>Nested regions, segments that share no voxel, or one segment of your own for any lesion.</source>
   <translation>嵌套区域、互不重叠的分割段，或用于任意病灶的自定义分割段。</translation>
  </message>
  <message>
   <source>Segment</source>
   <translation>分割段</translation>
  </message>
  <message>
   <source>The segment of your own that an answer about any lesion goes to.</source>
   <translation>任意病灶的结果写入的自定义分割段。</translation>
  </message>
  <message>
   <source>Other segments</source>
   <translation>其他分割段</translation>
  </message>
  <message>
   <source>Whether writing a region may take voxels from segments that are not GliomaSAM's.</source>
   <translation>写入区域时是否可以占用不属于 GliomaSAM 的分割段的体素。</translation>
  </message>
  <message>
   <source>Paint the cavity that surgery left into a segment of its own: it is in no tumour volume, and no answer covers it.</source>
   <translation>将手术留下的空腔绘制到单独的分割段：它不计入任何肿瘤体积，也不会被结果覆盖。</translation>
  </message>
  <message>
   <source>Resection cavity…</source>
   <translation>切除腔…</translation>
  </message>
  <message>
   <source>Edit by hand</source>
   <translation>手动编辑</translation>
  </message>
  <message>
   <source>What you paint or erase is kept, and the next prompt refines from it.</source>
   <translation>您绘制或擦除的内容会保留，下一个提示在此基础上细化。</translation>
  </message>
  <message>
   <source>Results</source>
   <translation>结果</translation>
  </message>
  <message>
   <source>Volume, largest diameter in an axial slice, the largest one perpendicular to it, and their product (RANO). The largest one may cross hollows; in Follow-up it does not. A click on a row shows where it is.</source>
   <translation>体积、轴位切片上的最大径、与之垂直的最大径及其乘积（RANO）。此处最大径可穿过空腔；在随访中不可。点击某一行可显示其位置。</translation>
  </message>
  <message>
   <source>Volume
mL</source>
   <translation>体积
mL</translation>
  </message>
  <message>
   <source>Largest
mm</source>
   <translation>最大径
mm</translation>
  </message>
  <message>
   <source>Across
mm</source>
   <translation>垂直径
mm</translation>
  </message>
  <message>
   <source>Product
mm²</source>
   <translation>乘积
mm²</translation>
  </message>
  <message>
   <source>For research only. Not for clinical use.</source>
   <translation>仅供研究。不用于临床。</translation>
  </message>
  <message>
   <source>Copy the table to the clipboard</source>
   <translation>将表格复制到剪贴板</translation>
  </message>
  <message>
   <source>Copy</source>
   <translation>复制</translation>
  </message>
  <message>
   <source>Save the table as a CSV file</source>
   <translation>将表格保存为 CSV 文件</translation>
  </message>
  <message>
   <source>CSV…</source>
   <translation>CSV…</translation>
  </message>
  <message>
   <source>Put the table into the scene, where it is saved with it</source>
   <translation>将表格加入场景，随场景一起保存</translation>
  </message>
  <message>
   <source>Table node</source>
   <translation>表格节点</translation>
  </message>
  <message>
   <source>Show the segments as surfaces in the 3D views; they follow each answer</source>
   <translation>在三维视图中以表面显示各分割；它们随每次结果更新</translation>
  </message>
  <message>
   <source>Save the segments as one NIfTI label map in the numbering of BraTS: necrosis 1, oedema 2, enhancing tumour 3</source>
   <translation>将分割段保存为 BraTS 编号的 NIfTI 标签图：坏死 1、水肿 2、强化肿瘤 3</translation>
  </message>
  <message>
   <source>Label map…</source>
   <translation>标签图…</translation>
  </message>
  <message>
   <source>Save the segments as a .seg.nrrd file</source>
   <translation>将分割段保存为 .seg.nrrd 文件</translation>
  </message>
  <message>
   <source>Segmentation…</source>
   <translation>分割…</translation>
  </message>
  <message>
   <source>Overlay where the network is least sure: where the next click helps most.</source>
   <translation>叠加显示网络最不确定之处：下一次点击在此最有帮助。</translation>
  </message>
  <message>
   <source>Show uncertainty</source>
   <translation>显示不确定性</translation>
  </message>
  <message>
   <source>Show the place where the next click helps most in all slice views</source>
   <translation>在所有切片视图中显示下一次点击最有帮助的位置</translation>
  </message>
  <message>
   <source>Go to most uncertain</source>
   <translation>转到最不确定处</translation>
  </message>
  <message>
   <source>Follow-up</source>
   <translation>随访</translation>
  </message>
  <message>
   <source>The visits of the patient in the scene. Tick those to compare; a date can be typed. The visit chosen is the one that is shown below.</source>
   <translation>场景中该患者的各次检查。勾选要比较的检查；日期可手动输入。所选检查显示在下方。</translation>
  </message>
  <message>
   <source>Date</source>
   <translation>日期</translation>
  </message>
  <message>
   <source>Visit</source>
   <translation>检查</translation>
  </message>
  <message>
   <source>Outlines</source>
   <translation>轮廓</translation>
  </message>
  <message>
   <source>Look for visits of the patient in the scene: studies of the subject hierarchy, segmentations with their volumes, folders.</source>
   <translation>在场景中查找该患者的检查：对象层级中的研究、带图像的分割、文件夹。</translation>
  </message>
  <message>
   <source>Find visits</source>
   <translation>查找检查</translation>
  </message>
  <message>
   <source>Let the model outline the visit chosen. The outlines of the last visit before it, brought over, take the place of its proposal; nothing of them has to stay.</source>
   <translation>让模型勾画所选检查。前一次检查的轮廓经配准后作为初始建议；其中任何部分都不必保留。</translation>
  </message>
  <message>
   <source>Outline from last</source>
   <translation>从上次勾画</translation>
  </message>
  <message>
   <source>Tumour</source>
   <translation>肿瘤</translation>
  </message>
  <message>
   <source>What the response is judged by: enhancing tumour, the whole of a tumour that does not enhance, or both.</source>
   <translation>评估依据：强化肿瘤、不强化肿瘤的整体，或两者。</translation>
  </message>
  <message>
   <source>This visit is</source>
   <translation>此次检查为</translation>
  </message>
  <message>
   <source>What the visit chosen in the table is. Response is counted from the baseline; without one it is the first visit after radiotherapy or surgery.</source>
   <translation>表格中所选检查的性质。疗效从基线计算；若无基线，则为放疗或手术后的第一次检查。</translation>
  </message>
  <message>
   <source>Choose this when the visits lie in one space already: they are not registered.</source>
   <translation>若各次检查已在同一空间中，请选择此项：不再配准。</translation>
  </message>
  <message>
   <source>Visits are aligned</source>
   <translation>检查已对齐</translation>
  </message>
  <message>
   <source>Align, measure and judge the visits that are ticked. No volume and no segment is changed.</source>
   <translation>对齐、测量并评估所勾选的检查。不更改任何图像和分割段。</translation>
  </message>
  <message>
   <source>Compare visits</source>
   <translation>比较检查</translation>
  </message>
  <message>
   <source>The lesions at the visit chosen. The tick makes a lesion a target; a click shows it and its two calliper lines, which can be dragged. R: lines of the reader.</source>
   <translation>所选检查中的病灶。勾选使其成为靶病灶；点击可显示病灶及两条可拖动的测量线。R：阅片者的测量线。</translation>
  </message>
  <message>
   <source>Lesion</source>
   <translation>病灶</translation>
  </message>
  <message>
   <source>mL</source>
   <translation>mL</translation>
  </message>
  <message>
   <source>mm</source>
   <translation>mm</translation>
  </message>
  <message>
   <source>mm²</source>
   <translation>mm²</translation>
  </message>
  <message>
   <source>Baseline
%</source>
   <translation>基线
%</translation>
  </message>
  <message>
   <source>Nadir
%</source>
   <translation>最低值
%</translation>
  </message>
  <message>
   <source>Radiotherapy ended</source>
   <translation>放疗结束</translation>
  </message>
  <message>
   <source>The last day of radiotherapy, YYYY-MM-DD. Progression within 12 weeks of it is preliminary.</source>
   <translation>放疗最后一天，YYYY-MM-DD。其后 12 周内的进展为初步判断。</translation>
  </message>
  <message>
   <source>not known (YYYY-MM-DD)</source>
   <translation>未知（YYYY-MM-DD）</translation>
  </message>
  <message>
   <source>Steroids</source>
   <translation>类固醇</translation>
  </message>
  <message>
   <source>The dose of steroids at this visit, against the visit before.</source>
   <translation>此次检查与前一次相比的类固醇剂量。</translation>
  </message>
  <message>
   <source>Dexamethasone a day</source>
   <translation>每日地塞米松</translation>
  </message>
  <message>
   <source>The dose at this visit, or what equals it. Steroids follow from it and from the dose before, unless chosen above.</source>
   <translation>此次检查时的剂量或等效剂量。除非在上方选择，类固醇情况由此剂量与先前剂量得出。</translation>
  </message>
  <message>
   <source>not known</source>
   <translation>未知</translation>
  </message>
  <message>
   <source>Dexamethasone before</source>
   <translation>先前的地塞米松</translation>
  </message>
  <message>
   <source>The dose a day at the visit before.</source>
   <translation>前一次检查时的每日剂量。</translation>
  </message>
  <message>
   <source>Clinical state</source>
   <translation>临床状态</translation>
  </message>
  <message>
   <source>The patient's state at this visit. Worse: a decline that is due to the tumour.</source>
   <translation>患者此次检查时的状态。恶化：由肿瘤引起的下降。</translation>
  </message>
  <message>
   <source>Outside the field</source>
   <translation>照射野外</translation>
  </message>
  <message>
   <source>Whether what progresses lies outside the field of radiation.</source>
   <translation>进展部位是否位于照射野之外。</translation>
  </message>
  <message>
   <source>Pathology</source>
   <translation>病理</translation>
  </message>
  <message>
   <source>What a specimen of what progresses showed.</source>
   <translation>进展部位标本的结果。</translation>
  </message>
  <message>
   <source>Surgery</source>
   <translation>手术</translation>
  </message>
  <message>
   <source>What was done before this visit. A biopsy takes out nothing: class 4.</source>
   <translation>本次检查之前所做的手术。活检不切除肿瘤：4 级。</translation>
  </message>
  <message>
   <source>Hours since surgery</source>
   <translation>术后小时数</translation>
  </message>
  <message>
   <source>Hours from surgery to this scan. After 72 hours enhancement may be of surgery.</source>
   <translation>从手术到本次扫描的小时数。超过 72 小时后，强化可能由手术引起。</translation>
  </message>
  <message>
   <source>Show the visit chosen beside the one before it, in linked slice views over the curve of volumes.</source>
   <translation>在联动切片视图中并排显示所选检查与前一次检查，下方为体积曲线。</translation>
  </message>
  <message>
   <source>Side by side</source>
   <translation>并排</translation>
  </message>
  <message>
   <source>Take the targets and calliper lines that the program chose.</source>
   <translation>采用程序选择的靶病灶和测量线。</translation>
  </message>
  <message>
   <source>Save the report: pages, table, values, and a segmentation for each visit.</source>
   <translation>保存报告：页面、表格、数值，以及每次检查的分割。</translation>
  </message>
  <message>
   <source>Report…</source>
   <translation>报告…</translation>
  </message>
  <message>
   <source>Model and device</source>
   <translation>模型与设备</translation>
  </message>
  <message>
   <source>Model</source>
   <translation>模型</translation>
  </message>
  <message>
   <source>The trained model. Prompts and edits are kept when you change it.</source>
   <translation>训练好的模型。更换模型时提示和编辑会保留。</translation>
  </message>
  <message>
   <source>Device</source>
   <translation>设备</translation>
  </message>
  <message>
   <source>Where to compute. When a graphics card's memory does not suffice, the CPU goes on.</source>
   <translation>计算设备。显存不足时由 CPU 继续。</translation>
  </message>
  <message>
   <source>Install what is missing. You are told before what it is and how large.</source>
   <translation>安装缺少的内容。安装前会告知内容和大小。</translation>
  </message>
  <message>
   <source>Install…</source>
   <translation>安装…</translation>
  </message>
  <message>
   <source>Install without a network, from a folder of wheels (.whl files)</source>
   <translation>离线安装：使用包含 wheel 文件（.whl）的文件夹</translation>
  </message>
  <message>
   <source>From a folder…</source>
   <translation>从文件夹…</translation>
  </message>
  <message>
   <source>Use a weights file that you have on disk. It is checked by its SHA-256.</source>
   <translation>使用磁盘上的权重文件。将以 SHA-256 校验。</translation>
  </message>
  <message>
   <source>Import weights…</source>
   <translation>导入权重…</translation>
  </message>
 </context>
 <context>
  <name>GliomaSAMPanel.follow_up</name>
  <message>
   <source>new</source>
   <translation>新发</translation>
  </message>
  <message>
   <source>split</source>
   <translation>分裂</translation>
  </message>
  <message>
   <source>merged</source>
   <translation>融合</translation>
  </message>
  <message>
   <source>gone</source>
   <translation>消失</translation>
  </message>
  <message>
   <source>absent</source>
   <translation>不存在</translation>
  </message>
  <message>
   <source>returned</source>
   <translation>再现</translation>
  </message>
  <message>
   <source>A new or empty folder for the report</source>
   <translation>用于报告的新文件夹或空文件夹</translation>
  </message>
  <message>
   <source>There is a report in this folder. Replace its files?</source>
   <translation>此文件夹中已有报告。要替换其文件吗？</translation>
  </message>
  <message>
   <source>no volumes</source>
   <translation>无图像</translation>
  </message>
  <message>
   <source>yes</source>
   <translation>是</translation>
  </message>
  <message>
   <source>Outlines were changed since: compare the visits again</source>
   <translation>轮廓已更改：请重新比较各次检查</translation>
  </message>
  <message>
   <source>No visit was found: put the volumes of each visit into a study (module Data), or outline them</source>
   <translation>未找到检查：请将每次检查的图像放入一个研究（数据模块），或先勾画</translation>
  </message>
  <message>
   <source>Choose the visit to outline in the table first</source>
   <translation>请先在表格中选择要勾画的检查</translation>
  </message>
  <message>
   <source>Nothing is compared yet: press Compare visits first</source>
   <translation>尚未比较：请先按“比较检查”</translation>
  </message>
  <message>
   <source>The report is in {name}</source>
   <translation>报告位于 {name}</translation>
  </message>
  <message>
   <source>typed</source>
   <translation>手动输入</translation>
  </message>
  <message>
   <source>from DICOM</source>
   <translation>来自 DICOM</translation>
  </message>
  <message>
   <source>from the name</source>
   <translation>来自名称</translation>
  </message>
  <message>
   <source>not known: type it, YYYY-MM-DD</source>
   <translation>未知：请输入 YYYY-MM-DD</translation>
  </message>
  <message>
   <source>not measurable: {reason}</source>
   <translation>不可测量：{reason}</translation>
  </message>
  <message>
   <source>The date of the visit</source>
   <translation>检查日期</translation>
  </message>
 </context>
 <context>
  <name>GliomaSAMPanel.follow_up_fields</name>
  <message>
   <source>not said</source>
   <translation>未说明</translation>
  </message>
  <message>
   <source>before surgery</source>
   <translation>术前</translation>
  </message>
  <message>
   <source>after surgery</source>
   <translation>术后</translation>
  </message>
  <message>
   <source>the baseline</source>
   <translation>基线</translation>
  </message>
  <message>
   <source>a follow-up</source>
   <translation>随访</translation>
  </message>
  <message>
   <source>not known</source>
   <translation>未知</translation>
  </message>
  <message>
   <source>none</source>
   <translation>无</translation>
  </message>
  <message>
   <source>physiological dose</source>
   <translation>生理剂量</translation>
  </message>
  <message>
   <source>stable</source>
   <translation>稳定</translation>
  </message>
  <message>
   <source>decreased</source>
   <translation>减少</translation>
  </message>
  <message>
   <source>increased</source>
   <translation>增加</translation>
  </message>
  <message>
   <source>improved</source>
   <translation>改善</translation>
  </message>
  <message>
   <source>worse</source>
   <translation>恶化</translation>
  </message>
  <message>
   <source>yes</source>
   <translation>是</translation>
  </message>
  <message>
   <source>no</source>
   <translation>否</translation>
  </message>
  <message>
   <source>tumour</source>
   <translation>肿瘤</translation>
  </message>
  <message>
   <source>treatment effect</source>
   <translation>治疗反应</translation>
  </message>
  <message>
   <source>resection</source>
   <translation>切除</translation>
  </message>
  <message>
   <source>biopsy</source>
   <translation>活检</translation>
  </message>
  <message>
   <source>The end of radiotherapy</source>
   <translation>放疗结束日期</translation>
  </message>
 </context>
 <context>
  <name>GliomaSAMPanel.inputs</name>
  <message>
   <source>{name} was made on another examination: the volumes of that one are chosen now</source>
   <translation>{name} 是在另一次检查上完成的：现已选择该次检查的体数据</translation>
  </message>
  <message>
   <source>{name} was made on another examination than the volumes chosen: choose its own</source>
   <translation>{name} 与所选体数据不属于同一次检查：请选择它自己的体数据</translation>
  </message>
  <message>
   <source>Choose at least one volume in the section Inputs first</source>
   <translation>请先在“输入”部分至少选择一个图像</translation>
  </message>
  <message>
   <source>Left unchosen, because they seem to be of another patient or examination: {names}. If they belong together, choose them yourself</source>
   <translation>未选择，因为它们似乎属于另一位患者或另一次检查：{names}。如果它们属于同一检查，请自行选择</translation>
  </message>
  <message>
   <source>No volume was recognised: load volumes (File, Add data), or choose them yourself</source>
   <translation>未识别到任何图像：请加载图像（文件，添加数据），或自行选择</translation>
  </message>
  <message>
   <source>these volumes cannot be used as they are: those chosen before stay in use</source>
   <translation>这些图像无法直接使用：继续使用之前选择的图像</translation>
  </message>
  <message>
   <source>Load a patient's MR volumes. Each selector may stay empty, but for one.</source>
   <translation>请加载一位患者的 MR 图像。除一个外，其余选项均可留空。</translation>
  </message>
  <message>
   <source>Other volumes have come: Guess again goes on to them</source>
   <translation>已有其他体数据加入：“重新识别”将转到它们</translation>
  </message>
  <message>
   <source>{tip}

Please check this one: {reason}.</source>
   <translation>{tip}

请核对此项：{reason}。</translation>
  </message>
 </context>
 <context>
  <name>GliomaSAMPanel.messages</name>
  <message>
   <source>Ready</source>
   <translation>就绪</translation>
  </message>
  <message>
   <source>, about {minutes} min left</source>
   <translation>，剩余约 {minutes} 分钟</translation>
  </message>
  <message>
   <source>, about {seconds} s left</source>
   <translation>，剩余约 {seconds} 秒</translation>
  </message>
 </context>
 <context>
  <name>GliomaSAMPanel.model</name>
  <message>
   <source>Folder with the wheels (.whl files)</source>
   <translation>包含 wheel 文件（.whl）的文件夹</translation>
  </message>
  <message>
   <source>Weights file</source>
   <translation>权重文件</translation>
  </message>
  <message>
   <source>automatic: the fastest that works</source>
   <translation>自动：可用的最快设备</translation>
  </message>
  <message>
   <source>looking for devices</source>
   <translation>正在查找设备</translation>
  </message>
  <message>
   <source>All that is needed is installed.</source>
   <translation>所需内容均已安装。</translation>
  </message>
  <message>
   <source>All is installed</source>
   <translation>全部已安装</translation>
  </message>
  <message>
   <source>Measured: {figures}.</source>
   <translation>实测：{figures}。</translation>
  </message>
  <message>
   <source>Trained on {cases}.</source>
   <translation>训练数据：{cases}。</translation>
  </message>
  <message>
   <source>Install for GliomaSAM</source>
   <translation>为 GliomaSAM 安装</translation>
  </message>
  <message>
   <source>checking the weights</source>
   <translation>正在检查权重</translation>
  </message>
  <message>
   <source>The weights of {name} can be used now</source>
   <translation>现在可以使用 {name} 的权重</translation>
  </message>
  <message>
   <source>{title}: {free:.1f} of {total:.1f} GB free</source>
   <translation>{title}：{total:.1f} GB 中剩余 {free:.1f} GB</translation>
  </message>
 </context>
 <context>
  <name>GliomaSAMPanel.panel</name>
  <message>
   <source>Something is not installed yet: see Model and device below</source>
   <translation>有内容尚未安装：见下方“模型与设备”</translation>
  </message>
  <message>
   <source>Two visits are shown side by side: press Side by side again to work on one</source>
   <translation>两次检查正并排显示：请再次按下“并排”，以便处理其中一次</translation>
  </message>
  <message>
   <source>An unexpected error ({error}): save your work; more is in the error log</source>
   <translation>意外错误（{error}）：请保存工作；详情见错误日志</translation>
  </message>
 </context>
 <context>
  <name>GliomaSAMPanel.parameters</name>
  <message>
   <source>find out whether it is there</source>
   <translation>自动判断是否存在</translation>
  </message>
  <message>
   <source>is there: take it off</source>
   <translation>存在：去除</translation>
  </message>
  <message>
   <source>is gone, or leave it on</source>
   <translation>已去除，或保留</translation>
  </message>
  <message>
   <source>Whole tumour</source>
   <translation>全肿瘤</translation>
  </message>
  <message>
   <source>Tumour core</source>
   <translation>肿瘤核心</translation>
  </message>
  <message>
   <source>Enhancing tumour</source>
   <translation>强化肿瘤</translation>
  </message>
  <message>
   <source>nested: whole, core, enhancing</source>
   <translation>嵌套：全肿瘤、核心、强化</translation>
  </message>
  <message>
   <source>disjoint: oedema, core, enhancing</source>
   <translation>互不重叠：水肿、核心、强化</translation>
  </message>
  <message>
   <source>one of your own: any lesion</source>
   <translation>自定义：任意病灶</translation>
  </message>
  <message>
   <source>are never changed</source>
   <translation>从不更改</translation>
  </message>
  <message>
   <source>give way where visible</source>
   <translation>可见处让位</translation>
  </message>
  <message>
   <source>always give way</source>
   <translation>始终让位</translation>
  </message>
  <message>
   <source>enhances</source>
   <translation>强化</translation>
  </message>
  <message>
   <source>does not enhance</source>
   <translation>不强化</translation>
  </message>
  <message>
   <source>both are judged</source>
   <translation>两者均评估</translation>
  </message>
 </context>
 <context>
  <name>GliomaSAMPanel.prompts</name>
  <message>
   <source>Prompts</source>
   <translation>提示</translation>
  </message>
  <message>
   <source>Prompts ({count})</source>
   <translation>提示（{count}）</translation>
  </message>
 </context>
 <context>
  <name>GliomaSAMPanel.results</name>
  <message>
   <source>Resection cavity: {volume} mL, in no tumour volume</source>
   <translation>切除腔：{volume} mL，不计入任何肿瘤体积</translation>
  </message>
  <message>
   <source>measuring</source>
   <translation>正在测量</translation>
  </message>
  <message>
   <source>Save the results</source>
   <translation>保存结果</translation>
  </message>
  <message>
   <source>Export a label map</source>
   <translation>导出标签图</translation>
  </message>
  <message>
   <source>Export the segmentation</source>
   <translation>导出分割</translation>
  </message>
  <message>
   <source>{done}. The last prompt was not answered: this is the outline before it</source>
   <translation>{done}。最后一个提示未得到结果：这是此前的轮廓</translation>
  </message>
  <message>
   <source>The volumes are still being read: try again when the table is filled</source>
   <translation>仍在读取体数据：请在表格填好后重试</translation>
  </message>
  <message>
   <source>The last prompt is being answered: try again when the outline is shown</source>
   <translation>正在处理最后一个提示：轮廓显示后请重试</translation>
  </message>
  <message>
   <source>The table is on the clipboard</source>
   <translation>表格已复制到剪贴板</translation>
  </message>
  <message>
   <source>Saved: {name}</source>
   <translation>已保存：{name}</translation>
  </message>
  <message>
   <source>No uncertain place is left outside existing prompts</source>
   <translation>除已有提示外，没有不确定的位置</translation>
  </message>
  <message>
   <source>There is no result yet: click the tumour, or press Propose</source>
   <translation>尚无结果：请点击肿瘤，或按“建议”</translation>
  </message>
  <message>
   <source>No tumour was found: press Inside and click it</source>
   <translation>未找到肿瘤：请按“内部”并点击肿瘤</translation>
  </message>
  <message>
   <source>{name} results</source>
   <translation>{name} 结果</translation>
  </message>
  <message>
   <source>The table {name} is in the scene</source>
   <translation>表格 {name} 已加入场景</translation>
  </message>
  <message>
   <source>{name} is there already: choose it by its whole name to replace it</source>
   <translation>{name} 已存在：如要替换，请选择完整文件名</translation>
  </message>
 </context>
 <context>
  <name>GliomaSAMPanel.segments</name>
  <message>
   <source>The volumes of {before} are gone: {name}, which was made on those chosen, is shown</source>
   <translation>{before} 的体数据已不存在：现显示在所选体数据上完成的 {name}</translation>
  </message>
  <message>
   <source>The volumes of {before} are gone: results go to {name}, which is new; choose {before} to go on there</source>
   <translation>{before} 的体数据已不存在：结果写入新建的 {name}；若要继续原来的工作，请选择 {before}</translation>
  </message>
  <message>
   <source>a new one</source>
   <translation>新建</translation>
  </message>
  <message>
   <source>This is another examination: {name}, which was made on it, is shown; {before} stays as it is</source>
   <translation>这是另一次检查：现显示在其上完成的 {name}；{before} 保持不变</translation>
  </message>
  <message>
   <source>This is another examination: its results go to {name}, which is new; {before} stays as it is</source>
   <translation>这是另一次检查：其结果写入新建的 {name}；{before} 保持不变</translation>
  </message>
  <message>
   <source>This is another patient: {name}, which was made on these volumes, is shown; {before} stays</source>
   <translation>这是另一位患者：现在显示基于这些体数据的 {name}；{before} 保持不变</translation>
  </message>
  <message>
   <source>This is another patient: results go to {name}, which is new; {before} stays as it is</source>
   <translation>这是另一位患者：结果写入新的 {name}；{before} 保持不变</translation>
  </message>
  <message>
   <source>Glioma</source>
   <translation>胶质瘤</translation>
  </message>
 </context>
</TS>
